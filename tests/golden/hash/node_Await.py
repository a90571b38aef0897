async def flow(x, y=None):
    "use workflow"
    await x
    return await (await y)()
