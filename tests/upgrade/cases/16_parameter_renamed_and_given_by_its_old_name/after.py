from wfc import sleep


async def charge(
    order: str,
    amount: int,  # wfc: was[cents]
) -> str:
    "use step"
    return f"paid {order}"


async def flow(order: str) -> str:
    "use workflow"
    await sleep(60)
    return await charge(order, cents=4200)
