from typing import TypeAlias, Union

Money: TypeAlias = int
Name = Union[str, None]
Unused: TypeAlias = bytes


async def charge(money: Money, name: Name) -> Money:
    
    return money


async def flow(money: Money) -> Money:
    __wfc__.refuse("flow")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
