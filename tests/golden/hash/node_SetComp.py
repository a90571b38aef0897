async def flow(x, y=None):
    "use workflow"
    return {a for a in x}
