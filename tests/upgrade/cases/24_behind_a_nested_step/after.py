from wfc import sleep


async def flow(order: str) -> list:
    "use workflow"
    cents = 4200

    async def charge(name: str) -> str:
        "use step"
        return f"paid {name} {cents}"

    paid = await charge(order)
    await sleep(60)
    again = await charge(paid)
    return [paid]
