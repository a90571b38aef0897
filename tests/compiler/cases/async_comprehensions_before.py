from wfc import sleep


async def charge(cents):
    "use step"
    return cents


async def checkout(rows):
    "use workflow"
    paid = [await charge(row) for row in rows if await charge(row)]
    table = {row: await charge(row) for row in rows}
    return paid, table, {await charge(row) for row in rows}
