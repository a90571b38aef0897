async def flow(x, y=None):
    "use workflow"
    return {'a': x, **y, 1: 2}
