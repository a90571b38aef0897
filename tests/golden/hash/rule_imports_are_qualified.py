from json import dumps as d
import json as m
import os.path as p
async def flow(x, y=None):
    "use workflow"
    return d(x), m.loads(y), p.join(x)
