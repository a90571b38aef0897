import collections as kinds, json as codec
import decimal
from math import ceil as up, floor as down
from wfc import sleep as pause


async def flow(x):
    __wfc__.refuse("flow")
    

__wfc__.register("workflow", "flow", flow)
