async def rows():
    
    return [1, 2, 3]


FIRST, *REST = 1, 2, 3


async def flow():
    __wfc__.refuse("flow")
    


__wfc__.register("step", "rows", rows)
__wfc__.register("workflow", "flow", flow)
