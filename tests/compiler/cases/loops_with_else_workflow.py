look = __wfc__.step("look")




async def flow(rows):
    
    for row in rows:
        if await look(row):
            break
    else:
        await look(None)
    while rows:
        rows = await look(rows)
    else:
        return await look(1)
