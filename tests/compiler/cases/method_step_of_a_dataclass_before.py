from dataclasses import dataclass


@dataclass
class Order:
    cents: int

    async def charge(self, more: int = 0) -> int:
        "use step"
        return self.__secret() + more

    def __secret(self) -> int:
        return self.cents


async def checkout(cents: int) -> int:
    "use workflow"
    return await Order(cents).charge(more=1)
