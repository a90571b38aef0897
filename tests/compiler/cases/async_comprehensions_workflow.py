


charge = __wfc__.step("charge")




async def checkout(rows):
    
    paid = [await charge(row) for row in rows if await charge(row)]
    table = {row: await charge(row) for row in rows}
    return paid, table, {await charge(row) for row in rows}
