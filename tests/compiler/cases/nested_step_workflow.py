async def checkout(rate: int):
    """Nested steps read what they capture."""
    
    base = rate + 1

    charge = __wfc__.step("checkout.charge", lambda: {"base": base, "rate": rate})



    ping = __wfc__.step("checkout.ping", lambda: {})



    await ping()
    return await charge(4)
