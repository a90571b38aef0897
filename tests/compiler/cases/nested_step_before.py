async def checkout(rate: int):
    """Nested steps read what they capture."""
    "use workflow"
    base = rate + 1

    async def charge(cents: int) -> int:
        "use step"
        return cents * rate + base

    async def ping():
        "use step"
        return 1

    await ping()
    return await charge(4)
