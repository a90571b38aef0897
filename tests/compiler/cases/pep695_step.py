async def first[T](xs: list[T]) -> T:
    
    return xs[0]


def ident[T](x: T) -> T:
    return x


type Pair = tuple[int, int]


async def main(p: Pair) -> int:
    __wfc__.refuse("main")
    
__wfc__.register("step", "first", first)
__wfc__.register("workflow", "main", main)
