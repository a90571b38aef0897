"""A golden vector: see tests/golden/fingerprints.py."""
type Pair[T] = tuple[T, T]
type Name = str | None

class Box[T: int]:
    def get[U](self, item: U, other: T) -> "U | T":
        return item

async def flow[**P, *Ts, R](x: Pair[int], name: Name):
    "use workflow"
    def first[V: (int, str)](item: V) -> V:
        return item
    return first(Box().get(1, 2)), f"{f"{x}"!r:{f"{3}"}}"
