




async def flow(x):
    

    first = __wfc__.step("flow.first", lambda: {"x": x})



    both = __wfc__.step("flow.both", lambda: {"first": first, "x": x})



    return await both()
