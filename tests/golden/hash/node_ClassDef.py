async def flow(x, y=None):
    "use workflow"
    @seal
    class A(B, C, key=1):
        z = 1
    return A
