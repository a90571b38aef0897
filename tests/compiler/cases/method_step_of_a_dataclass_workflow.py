from dataclasses import dataclass


@dataclass
class Order:
    cents: int

    charge = __wfc__.step("Order.charge")



    def __secret(self) -> int:
        return self.cents


async def checkout(cents: int) -> int:
    
    return await Order(cents).charge(more=1)
