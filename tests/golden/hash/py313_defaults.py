"""A golden vector: see tests/golden/fingerprints.py."""
class Box[T = int, *Ts = *tuple[int], **P = [int]]:
    pass

async def flow(x: Box):
    "use workflow"
    return x
