


charge = __wfc__.step("charge")



async def checkout(cents):
    
    return await charge(cents)
