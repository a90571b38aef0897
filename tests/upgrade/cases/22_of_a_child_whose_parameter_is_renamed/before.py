from wfc import sleep, start


async def ship(order: str) -> str:
    "use step"
    return f"sent {order}"


async def deliver(order: str, parcels: int) -> str:
    "use workflow"
    return await ship(order)


async def flow(order: str) -> str:
    "use workflow"
    run = await start(deliver, order, parcels=2)
    sent = await run.result()
    await sleep(60)
    return sent
