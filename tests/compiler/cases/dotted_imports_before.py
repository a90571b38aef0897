import collections.abc
import os.path
import xml.sax.saxutils
from os import path as paths


async def flow(x):
    "use workflow"
    return isinstance(x, collections.abc.Mapping), os.path.join("a", x)
