"""All of these are steps."""
"use step"

RATE = 2


async def charge(cents):
    return cents * RATE


def refund(cents):
    """Give it back."""
    return -cents


def _round(cents):
    return cents // 1
