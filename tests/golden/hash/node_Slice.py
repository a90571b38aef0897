async def flow(x, y=None):
    "use workflow"
    return x[1:], x[:2], x[::3], x[1:2:3, ...]
