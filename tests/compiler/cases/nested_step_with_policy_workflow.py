


async def flow(x):
    

    charge = __wfc__.step("flow.charge", lambda: {"x": x})





    return await charge()
