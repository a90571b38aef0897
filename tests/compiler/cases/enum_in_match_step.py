from enum import Enum


class Kind(Enum):
    BOOK = "book"
    TOY = "toy"


async def ship(kind):
    
    return kind


async def flow(kind):
    __wfc__.refuse("flow")
    






__wfc__.register("step", "ship", ship)
__wfc__.register("workflow", "flow", flow)
