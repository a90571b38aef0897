async def flow(x, y=None):
    "use workflow"
    if (a := x) > 1:
        return a
