TABLE = {}
TABLE["a"] = 1
TABLE.update(b=2)
async def flow(x, y=None):
    "use workflow"
    return TABLE
