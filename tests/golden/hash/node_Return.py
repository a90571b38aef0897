async def flow(x, y=None):
    "use workflow"
    if x:
        return
    return x
