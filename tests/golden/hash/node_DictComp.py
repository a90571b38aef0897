async def flow(x, y=None):
    "use workflow"
    return {a: b for a, b in x}
