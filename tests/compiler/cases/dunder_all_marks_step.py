

__all__ = ["_charge"]


async def _charge(cents):
    return cents


async def helper(cents):
    return cents
__wfc__.register("step", "_charge", _charge)
