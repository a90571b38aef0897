class Shop:
    @staticmethod
    async def sell(price):
        

        pay = __wfc__.step("Shop.sell.pay", lambda: {"price": price})



        return await pay()
