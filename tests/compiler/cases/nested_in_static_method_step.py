class Shop:
    @staticmethod
    async def sell(price):
        __wfc__.refuse("Shop.sell")

        async def pay():
            
            return price

        return await pay()
__wfc__.register("workflow", "Shop.sell", Shop.sell)
__wfc__.register("step", "Shop.sell.pay", Shop.sell)
