def max(*values):
    return sorted(values)[-1]


list = __wfc__.step("list")




async def flow(x):
    
    return max(await list(x), min(1, x))
