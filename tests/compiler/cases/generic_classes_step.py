from typing import Generic, TypeVar

T = TypeVar("T")


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content


class Crate(Box[int]):
    pass


async def flow(x: int) -> int:
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
