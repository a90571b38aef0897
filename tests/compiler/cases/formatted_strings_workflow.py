name = __wfc__.step("name")




async def flow(x):
    
    return f"{await name(x)!r:>{x}} and {await name(f'{x}')}" "joined"
