async def other(a: int):
    "use workflow"
    return a + 1
async def flow(x, y=None):
    "use workflow"
    return await other(x)
