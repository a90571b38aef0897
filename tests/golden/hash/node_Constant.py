async def flow(x, y=None):
    "use workflow"
    return 1, 1.5, 2j, 'a', b'b', True, None, ..., 10**20, -0.0
