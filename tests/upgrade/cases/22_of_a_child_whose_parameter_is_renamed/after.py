from wfc import sleep, start


async def ship(order: str) -> str:
    "use step"
    return f"sent {order}"


async def deliver(
    order: str,
    boxes: int,  # wfc: was[parcels]
) -> str:
    "use workflow"
    return await ship(order)


async def flow(order: str) -> str:
    "use workflow"
    run = await start(deliver, order, boxes=3)
    sent = await run.result()
    await sleep(60)
    return sent
