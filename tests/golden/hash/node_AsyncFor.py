async def flow(x, y=None):
    "use workflow"
    async for a in x:
        continue
    else:
        pass
    return 1
