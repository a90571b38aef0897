from typing import TypeAlias, Union

Money: TypeAlias = int
Name = Union[str, None]



charge = __wfc__.step("charge")




async def flow(money: Money) -> Money:
    
    return await charge(money, None)
