from tools import metered


def own(function):
    return function


@metered(limit=3)
@own
async def charge(cents):
    
    return cents


async def flow(cents):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
