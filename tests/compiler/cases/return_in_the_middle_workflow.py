act = __wfc__.step("act")




async def flow(x):
    
    if not x:
        return
    assert x, "it is there"
    del x
    global COUNT
    return await act(1)
    await act(2)



