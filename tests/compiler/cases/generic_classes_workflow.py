from typing import Generic, TypeVar

T = TypeVar("T")


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content


class Crate(Box[int]):
    pass


async def flow(x: int) -> int:
    
    return Crate(x).content
