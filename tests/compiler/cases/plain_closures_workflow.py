charge = __wfc__.step("charge")




async def checkout(order):
    
    total = 0

    def add(cents):
        nonlocal total
        total += cents
        return total

    async def pay(cents):
        add(await charge(cents))

    await pay(order)
    return total
