



charge = __wfc__.step("charge")




async def flow(charge):
    
    return charge


async def other(x):
    
    price = await charge(x)
    return price
