async def first[T](xs: list[T]) -> T:
    "use step"
    return xs[0]


def ident[T](x: T) -> T:
    return x


type Pair = tuple[int, int]


async def main(p: Pair) -> int:
    "use workflow"
    return ident(await first(p))
