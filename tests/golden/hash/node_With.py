async def flow(x, y=None):
    "use workflow"
    with x as a, y:
        return a
