async def flow(x, y=None):
    "use workflow"
    match x:
        case 1 | 'a' | None:
            return x
