async def flow(x):
    

    count = __wfc__.step("flow.count", lambda: {"x": x})










    return await count()
