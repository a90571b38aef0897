async def flow(x, y=None):
    "use workflow"
    if x:
        a = 1
    elif y:
        a = 2
    else:
        a = 3
    return a
