async def flow(x, y=None):
    "use workflow"
    return x and y or not x and (y or x)
