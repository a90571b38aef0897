async def first(x):
    

    act = __wfc__.step("first.act", lambda: {"x": x})



    return await act()


async def second(y):
    

    act = __wfc__.step("second.act", lambda: {"y": y})



    return await act()
