LIMIT = 1
async def flow(x, y=None):
    "use workflow"
    global LIMIT
    return LIMIT
