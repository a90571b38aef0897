async def flow(x, y=None):
    "use workflow"
    a: int = x
    b: str
    (c): int = 3
    x.d: int = 4
    return a, c
