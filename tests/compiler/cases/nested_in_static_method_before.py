class Shop:
    @staticmethod
    async def sell(price):
        "use workflow"

        async def pay():
            "use step"
            return price

        return await pay()
