async def checkout(rate: int):
    """Nested steps read what they capture."""
    __wfc__.refuse("checkout")
    base = rate + 1

    async def charge(cents: int) -> int:
        
        return cents * rate + base

    async def ping():
        
        return 1

    await ping()
    return await charge(4)
__wfc__.register("workflow", "checkout", checkout)
__wfc__.register("step", "checkout.charge", checkout)
__wfc__.register("step", "checkout.ping", checkout)
