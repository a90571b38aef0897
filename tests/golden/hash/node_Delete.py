async def flow(x, y=None):
    "use workflow"
    z = x
    del z, x.a, x[0]
    return y
