HANDLERS = {}
def handler(name):
    def add(f):
        HANDLERS[name] = f
        return f
    return add
@handler("a")
def one(x):
    return x
async def flow(x, y=None):
    "use workflow"
    return HANDLERS[x](y)
