import more_itertools
import numpy as np
async def flow(x, y=None):
    "use workflow"
    return more_itertools.chunked(x, 2), np.int8(y)
