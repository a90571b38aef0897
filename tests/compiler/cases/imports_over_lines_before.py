from collections import (
    Counter,
    OrderedDict,  # not needed
    deque,
)
from functools import partial, \
    reduce


async def flow(rows):
    "use workflow"
    return deque(reduce(max, rows))
