async def flow(x, y=None):
    "use workflow"
    if x:
        raise
    if y:
        raise E
    raise E(x) from y
