async def flow(x, y=None):
    "use workflow"
    match x:
        case [*_]:
            return 1
        case [a, *b]:
            return b
