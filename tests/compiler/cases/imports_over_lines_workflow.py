from collections import (deque



)
from functools import (reduce
)


async def flow(rows):
    
    return deque(reduce(max, rows))
