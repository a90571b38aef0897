from abc import ABC, abstractmethod


class Pricing(ABC):
    @abstractmethod
    def price(self, x): ...


class Flat(Pricing):
    def price(self, x):
        return x


class Steep(Pricing):
    def price(self, x):
        return x * x


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
