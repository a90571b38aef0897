async def flow(x, y=None):
    "use workflow"
    async def inner(a, /):
        return a
    return await inner(x)
