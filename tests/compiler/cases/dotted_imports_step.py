import collections.abc
import os.path
import xml.sax.saxutils
from os import path as paths


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
