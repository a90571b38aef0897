charge = __wfc__.step("charge")





async def flow(cents):
    
    return await charge(cents)
