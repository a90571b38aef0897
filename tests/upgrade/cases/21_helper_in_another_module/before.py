from app.telling import tell
from wfc import sleep


async def flow(order: str) -> str:
    "use workflow"
    await sleep(60)
    return await tell(order)
# file: telling.py
async def notify(order: str) -> str:
    "use step"
    return f"told {order}"


async def tell(order: str) -> str:
    return await notify(order)
