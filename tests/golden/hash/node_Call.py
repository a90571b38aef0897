async def flow(x, y=None):
    "use workflow"
    return x(1, *y, a=2, **x)
