from wfc import Backoff, policy


async def flow(x):
    __wfc__.refuse("flow")

    @policy(attempts=5, backoff=Backoff("1s"))
    async def charge():
        """Charge it."""
        
        return x

    return await charge()
__wfc__.register("workflow", "flow", flow)
__wfc__.register("step", "flow.charge", flow)
