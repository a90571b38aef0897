


async def checkout(rate: int):
    
    if rate:

        charge = __wfc__.step("checkout.charge", lambda: {"rate": rate})




    else:

        charge_other = __wfc__.step("checkout.charge_other", lambda: {"rate": rate})



    for x in range(3):

        each = __wfc__.step("checkout.each", lambda: {"x": x})



        await each()
    return await charge()
