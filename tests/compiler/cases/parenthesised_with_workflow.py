act = __wfc__.step("act")




async def flow(a, b):
    
    with (
        a as first,
        b as second,
    ):
        await act(first)
    async with a, b as third:
        return await act(third), second
