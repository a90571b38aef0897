async def inner():
    
    return 1


async def outer():
    
    return await inner()


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("step", "inner", inner)
__wfc__.register("step", "outer", outer)
__wfc__.register("workflow", "main", main)
