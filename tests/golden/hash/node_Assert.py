async def flow(x, y=None):
    "use workflow"
    assert x
    assert x, 'why'
