from dataclasses import dataclass


@dataclass
class Order:
    cents: int

    async def charge(self, more: int = 0) -> int:
        
        return self.__secret() + more

    def __secret(self) -> int:
        return self.cents


async def checkout(cents: int) -> int:
    __wfc__.refuse("checkout")
    
__wfc__.register("step", "Order.charge", Order.charge)
__wfc__.register("workflow", "checkout", checkout)
