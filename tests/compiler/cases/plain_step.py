"""Billing."""

from wfc import sleep


async def charge(order_id: str, cents: int) -> str:
    """Charge the card."""
    
    import httpx

    return httpx.post("https://pay", json={"id": order_id, "cents": cents}).text


async def checkout(order_id: str) -> str:
    __wfc__.refuse("checkout")
    


__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "checkout", checkout)
