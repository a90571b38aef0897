async def flow(x, y=None):
    "use workflow"
    async with x as (a, b):
        return a
