from wfc import get_workflow_metadata, sleep


async def charge(order: str, version: str, currency: str = "eur") -> str:
    "use step"
    return f"paid {order}"


async def flow(order: str) -> list:
    "use workflow"
    before = get_workflow_metadata().version
    paid = await charge(order, before)
    await sleep(60)
    return [paid, get_workflow_metadata().version == before]
