class Base:
    pass
class Shop(Base):
    rate: int = 1
    def total(self, x):
        return self.rate * x
async def flow(x, y=None):
    "use workflow"
    return Shop().total(x)
