async def flow(x, y=None):
    "use workflow"
    pass
