async def book(first, /, second=2, *rest, third, fourth=4, **more):
    
    return first, second, rest, third, fourth, more


async def flow(first, *rest, third, **more):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "book", book)
__wfc__.register("workflow", "flow", flow)
