class Declined(Exception):
    """The card was declined."""


class Unused(Exception):
    pass


async def charge(cents):
    
    raise Declined


async def flow(cents):
    __wfc__.refuse("flow")
    









__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
