def pick(rows, key=lambda row: row[0], *, then=lambda row: -row[1]):
    return sorted(rows, key=lambda row: (key(row), then(row)))


async def flow(rows):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
