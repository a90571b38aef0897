"""The app as it was deployed first."""

from wfc import FatalError, sleep


async def charge(order: str, cents: int) -> str:
    "use step"
    if order == "revived":
        raise FatalError("the card is refused")
    return f"{order}:{cents}"


async def tax(order: str, month: int) -> int:
    "use step"
    return 19


async def flow(order: str) -> list:
    "use workflow"
    taxes = []
    paid = await charge(order, 4200)
    for month in range(3):
        await sleep("30 days")
        taxes.append(await tax(order, month))
    return [paid, taxes]
