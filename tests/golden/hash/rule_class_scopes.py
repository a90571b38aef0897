async def flow(x, y=None):
    "use workflow"
    a = 1
    class A:
        a = 2
        b = [a for _ in x]
        def f(self):
            return a
    return A
