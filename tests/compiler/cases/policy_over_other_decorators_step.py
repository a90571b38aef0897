import wfc
from tools import metered
from wfc import Backoff


@wfc.policy(
    attempts=3,
    backoff=Backoff("1s", factor=2),
)
@metered
async def charge(cents):
    
    return cents


async def flow(cents):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
