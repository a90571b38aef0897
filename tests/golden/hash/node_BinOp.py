async def flow(x, y=None):
    "use workflow"
    return x + y - x * y / x // y % x ** y @ x << y >> x | y & x ^ y
