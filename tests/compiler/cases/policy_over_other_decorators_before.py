import wfc
from tools import metered
from wfc import Backoff


@wfc.policy(
    attempts=3,
    backoff=Backoff("1s", factor=2),
)
@metered
async def charge(cents):
    "use step"
    return cents


async def flow(cents):
    "use workflow"
    return await charge(cents)
