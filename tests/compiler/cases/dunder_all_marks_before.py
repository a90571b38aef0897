"use step"

__all__ = ["_charge"]


async def _charge(cents):
    return cents


async def helper(cents):
    return cents
