async def flow(x, y=None):
    "use workflow"
    return -x, +x, ~x, not x
