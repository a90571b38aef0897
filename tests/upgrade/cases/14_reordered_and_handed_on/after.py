from wfc import sleep


async def join(right: str, left: str) -> str:
    "use step"
    return left + right


async def flow(order: str) -> list:
    "use workflow"
    one = await join(left=order, right="1")
    two = await (lambda step: step(order, "2"))(join)
    await sleep(60)
    return [one, two]
