async def first(x):
    __wfc__.refuse("first")

    async def act():
        
        return x

    return await act()


async def second(y):
    __wfc__.refuse("second")

    async def act():
        
        return y

    return await act()
__wfc__.register("workflow", "first", first)
__wfc__.register("step", "first.act", first)
__wfc__.register("workflow", "second", second)
__wfc__.register("step", "second.act", second)
