from abc import ABC, abstractmethod


class Pricing(ABC):
    @abstractmethod
    def price(self, x): ...


class Flat(Pricing):
    def price(self, x):
        return x







async def flow(x):
    
    return Flat().price(x)
