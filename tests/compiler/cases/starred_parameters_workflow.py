book = __wfc__.step("book")




async def flow(first, *rest, third, **more):
    
    return await book(first, *rest, third=third, **more)
