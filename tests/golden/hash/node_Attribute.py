async def flow(x, y=None):
    "use workflow"
    x.a.b = y.c
    return x.a
