async def flow(x, y=None):
    "use workflow"
    x[0] = y['a']
    return x[0][1, 2]
