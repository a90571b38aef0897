from typing import TypeAlias, Union

Money: TypeAlias = int
Name = Union[str, None]
Unused: TypeAlias = bytes


async def charge(money: Money, name: Name) -> Money:
    "use step"
    return money


async def flow(money: Money) -> Money:
    "use workflow"
    return await charge(money, None)
