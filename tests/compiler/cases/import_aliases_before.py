import collections as kinds, json as codec
import decimal
from math import ceil as up, floor as down
from wfc import sleep as pause


async def flow(x):
    "use workflow"
    await pause(1)
    return up(x), codec.dumps(kinds.Counter())
