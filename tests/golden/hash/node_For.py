async def flow(x, y=None):
    "use workflow"
    for a, b in x:
        break
    else:
        a = 1
    return a
