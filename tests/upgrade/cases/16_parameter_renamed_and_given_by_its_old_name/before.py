from wfc import sleep


async def charge(order: str, cents: int) -> str:
    "use step"
    return f"paid {order}"


async def flow(order: str) -> str:
    "use workflow"
    await sleep(60)
    return await charge(order, cents=4200)
