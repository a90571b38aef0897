


draw = __wfc__.step("draw")




async def flow():
    
    return await draw()
