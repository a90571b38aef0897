async def flow(x, y=None):
    "use workflow"
    match x:
        case {'a': 1, **rest}:
            return rest
        case {}:
            return 0
