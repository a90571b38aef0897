class Ledger:
    @classmethod
    async def book(cls, cents):
        """Book it."""
        "use step"
        return cls.__name__, cents

    @staticmethod
    async def close():
        "use step"


class Special(Ledger):
    pass


async def flow(cents):
    "use workflow"
    await Ledger.close()
    return await Special.book(cents)
