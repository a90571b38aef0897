add = __wfc__.step("add")
sub = __wfc__.step("sub")

async def main(x): pass          ; y = await add(x); return await sub(y)
async def empty(): pass
