from typing import NamedTuple

from wfc import sleep


class Weight(NamedTuple):
    kilos: float


async def weigh(order: str) -> Weight | None:
    "use step"
    return Weight(2)


async def is_paid(order: str) -> int | None:
    "use step"
    return True


async def tell(text: str) -> str:
    "use step"
    return text


async def flow(order: str) -> str:
    "use workflow"
    weight, paid = await weigh(order), await is_paid(order)
    told = await tell(f"{weight} {paid}")
    await sleep(60)
    return told
