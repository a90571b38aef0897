"""The app as it was deployed next: a mended step, a new tax for later months, a new `if`."""

from wfc import changed, sleep


async def charge(order: str, cents: int) -> str:
    "use step"
    return f"{order}:{cents}"


async def tax(order: str, month: int) -> int:
    "use step"
    return 19


async def vat(order: str, month: int) -> int:
    "use step"
    return 7


async def flow(order: str) -> list:
    "use workflow"
    taxes = []
    if order:
        paid = await charge(order, 4200)
    for month in range(3):
        await sleep("30 days")
        if changed("vat-2027"):
            taxes.append(await vat(order, month))
        else:
            taxes.append(await tax(order, month))
    return [paid, taxes]
