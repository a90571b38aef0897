def a(x):
    return b(x)
def b(x):
    return a(x)
async def flow(x, y=None):
    "use workflow"
    return a(x)
