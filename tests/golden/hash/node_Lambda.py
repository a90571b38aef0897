async def flow(x, y=None):
    "use workflow"
    return lambda a, *b, c=x, **d: (a, b, c, d)
