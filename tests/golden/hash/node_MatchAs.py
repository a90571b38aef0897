async def flow(x, y=None):
    "use workflow"
    match x:
        case (1 | 2) as a:
            return a
        case b:
            return b
