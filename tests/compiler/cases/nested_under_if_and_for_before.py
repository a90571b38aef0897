from wfc import policy


async def checkout(rate: int):
    "use workflow"
    if rate:

        @policy(attempts=5)
        async def charge() -> int:
            "use step"
            return rate

    else:

        async def charge_other() -> int:
            "use step"
            return -rate

    for x in range(3):

        async def each():
            "use step"
            return x

        await each()
    return await charge()
