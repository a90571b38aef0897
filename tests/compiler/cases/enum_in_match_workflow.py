from enum import Enum


class Kind(Enum):
    BOOK = "book"
    TOY = "toy"


ship = __wfc__.step("ship")




async def flow(kind):
    
    match kind:
        case Kind.BOOK:
            return await ship("book")
        case Kind.TOY | None:
            return await ship("toy")
        case {"kind": other, **rest} if rest:
            return await ship(other)
