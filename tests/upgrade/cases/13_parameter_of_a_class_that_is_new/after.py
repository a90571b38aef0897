from dataclasses import dataclass

from wfc import sleep


@dataclass
class Card:
    number: str


async def charge(order: str, card: Card | None = None) -> str:
    "use step"
    return f"paid {order}"


async def flow(order: str) -> str:
    "use workflow"
    paid = await charge(order)
    await sleep(60)
    return paid
