async def flow(x, y=None):
    "use workflow"
    return x if y else -x
