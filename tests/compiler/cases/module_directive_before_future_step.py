
from __future__ import annotations


async def charge(cents: int) -> int:
    return cents
__wfc__.register("step", "charge", charge)
