async def flow(x, y=None):
    "use workflow"
    a = 1
    a += x
    a @= 2
    x.b -= 1
    return a
