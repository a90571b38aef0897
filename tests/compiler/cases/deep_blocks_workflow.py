charge = __wfc__.step("charge")




async def flow(rows):
    
    for row in rows:
        while row:
            if row > 3:
                try:
                    with row as inner:
                        await charge(inner)
                except ValueError:
                    break
                else:
                    continue
            else:
                await charge(row)
            row -= 1
