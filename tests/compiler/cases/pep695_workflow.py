first = __wfc__.step("first")




def ident[T](x: T) -> T:
    return x


type Pair = tuple[int, int]


async def main(p: Pair) -> int:
    
    return ident(await first(p))
