from collections import namedtuple
from typing import NamedTuple

Point = namedtuple("Point", "x y")


class Line(NamedTuple):
    start: Point
    end: Point = Point(0, 0)


class Unused(NamedTuple):
    x: int


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
