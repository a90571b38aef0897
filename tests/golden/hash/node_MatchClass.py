async def flow(x, y=None):
    "use workflow"
    match x:
        case int(a):
            return a
        case C(1, b=2, c=d):
            return d
