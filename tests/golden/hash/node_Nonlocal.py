async def flow(x, y=None):
    "use workflow"
    a = 1
    def inner():
        nonlocal a
        a = 2
    inner()
    return a
