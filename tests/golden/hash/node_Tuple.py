async def flow(x, y=None):
    "use workflow"
    return (), (x,), (x, y)
