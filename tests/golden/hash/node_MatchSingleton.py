async def flow(x, y=None):
    "use workflow"
    match x:
        case None:
            return 1
        case True:
            return 2
