from collections import (
    Counter,
    OrderedDict,  # not needed
    deque,
)
from functools import partial, \
    reduce


async def flow(rows):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
