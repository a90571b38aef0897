"""Billing."""

from wfc import sleep


async def charge(order_id: str, cents: int) -> str:
    """Charge the card."""
    "use step"
    import httpx

    return httpx.post("https://pay", json={"id": order_id, "cents": cents}).text


async def checkout(order_id: str) -> str:
    "use workflow"
    payment = await charge(order_id, 4200)
    await sleep("3 days")
    return payment
