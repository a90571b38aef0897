async def flow(x, y=None):
    "use workflow"
    try:
        a = x
    except* E as e:
        a = e
    return a
