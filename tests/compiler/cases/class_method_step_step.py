class Ledger:
    @classmethod
    async def book(cls, cents):
        """Book it."""
        
        return cls.__name__, cents

    @staticmethod
    async def close():
        pass


class Special(Ledger):
    pass


async def flow(cents):
    __wfc__.refuse("flow")
    

__wfc__.register("step", "Ledger.book", Ledger.book)
__wfc__.register("step", "Ledger.close", Ledger.close)
__wfc__.register("workflow", "flow", flow)
