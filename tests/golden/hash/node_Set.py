async def flow(x, y=None):
    "use workflow"
    return {x, y, 1}
