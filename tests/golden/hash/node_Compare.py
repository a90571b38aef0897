async def flow(x, y=None):
    "use workflow"
    return x < y <= x > y >= x == y != x is y is not x in y not in x
