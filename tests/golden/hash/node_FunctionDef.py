async def flow(x, y=None):
    "use workflow"
    @wrap(1)
    def inner(a, b=2, *c: int, d, e=3, **f) -> str:
        return a
    return inner
