from wfc import sleep


class Shop:
    @staticmethod
    async def charge(order: str, cents: int) -> str:
        "use step"
        return f"paid {order} {cents}"

    @classmethod
    async def ship(cls, order: str) -> str:
        "use step"
        return f"sent {order}"


async def flow(order: str) -> list:
    "use workflow"
    paid = await Shop.charge(order, 4200)
    await sleep(60)
    return [paid, await Shop.ship(order)]
