async def flow(x, y=None):
    "use workflow"
    from json import dumps as d, loads
    from .near import it
    return d, loads, it
