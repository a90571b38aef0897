async def flow(x, y=None):
    "use workflow"
    match x:
        case _ if y:
            return 1
        case z:
            return z
