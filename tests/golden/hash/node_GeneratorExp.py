async def flow(x, y=None):
    "use workflow"
    return list(a for a in x)
