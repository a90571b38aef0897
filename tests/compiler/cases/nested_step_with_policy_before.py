from wfc import Backoff, policy


async def flow(x):
    "use workflow"

    @policy(attempts=5, backoff=Backoff("1s"))
    async def charge():
        """Charge it."""
        "use step"
        return x

    return await charge()
