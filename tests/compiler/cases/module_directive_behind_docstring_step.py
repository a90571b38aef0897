"""All of these are steps."""


RATE = 2


async def charge(cents):
    return cents * RATE


def refund(cents):
    """Give it back."""
    return -cents


def _round(cents):
    return cents // 1
__wfc__.register("step", "charge", charge)
__wfc__.register("step", "refund", refund)
