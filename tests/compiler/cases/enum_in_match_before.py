from enum import Enum


class Kind(Enum):
    BOOK = "book"
    TOY = "toy"


async def ship(kind):
    "use step"
    return kind


async def flow(kind):
    "use workflow"
    match kind:
        case Kind.BOOK:
            return await ship("book")
        case Kind.TOY | None:
            return await ship("toy")
        case {"kind": other, **rest} if rest:
            return await ship(other)
