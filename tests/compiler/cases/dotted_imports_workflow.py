import collections.abc
import os.path




async def flow(x):
    
    return isinstance(x, collections.abc.Mapping), os.path.join("a", x)
