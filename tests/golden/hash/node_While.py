async def flow(x, y=None):
    "use workflow"
    while x:
        x = y
    else:
        return 1
