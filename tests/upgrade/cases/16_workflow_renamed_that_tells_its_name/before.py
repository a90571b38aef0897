from wfc import get_workflow_metadata, sleep


async def charge(order: str, by: str) -> str:
    "use step"
    return f"paid {order} by {by}"


async def flow(order: str) -> str:
    "use workflow"
    paid = await charge(order, get_workflow_metadata().workflow)
    await sleep(60)
    return paid
