# file: sales.py
from app.billing import charge
from wfc import sleep


async def flow(order: str) -> str:
    "use workflow"
    paid = await charge(order, 4200)
    await sleep(60)
    return paid
# file: billing.py
async def charge(order: str, cents: int) -> str:
    "use step"
    return f"paid {order} {cents}"
