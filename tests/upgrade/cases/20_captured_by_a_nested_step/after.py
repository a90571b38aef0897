from wfc import sleep


async def flow(order: str) -> list:
    "use workflow"
    cents = 4300

    async def charge(name: str) -> str:
        "use step"
        return f"paid {name} {cents}"

    paid = await charge(order)
    await sleep(60)
    return [paid]
