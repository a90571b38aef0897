async def flow(x, y=None):
    "use workflow"
    match x:
        case [a, (b, c)]:
            return a, b, c
