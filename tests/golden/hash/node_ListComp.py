async def flow(x, y=None):
    "use workflow"
    return [a for b in x if b for a in b if a]
