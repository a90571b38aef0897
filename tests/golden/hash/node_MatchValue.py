async def flow(x, y=None):
    "use workflow"
    match x:
        case 1:
            return 1
        case y.a:
            return 2
