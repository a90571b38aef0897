rows = __wfc__.step("rows")




FIRST, *REST = 1, 2, 3


async def flow():
    
    head, *tail = await rows()
    (a, b), c = (1, 2), 3
    return head, tail, [*tail, *REST], a, b, c
