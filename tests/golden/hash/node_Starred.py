async def flow(x, y=None):
    "use workflow"
    a, *b = x
    return [*b, a]
