async def flow(x, y=None):
    "use workflow"
    import json, os.path, a.b as c
    return json, os, c
