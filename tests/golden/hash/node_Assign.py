async def flow(x, y=None):
    "use workflow"
    a = b = x
    c, (d, *e) = a
    return a, b, c, d, e
