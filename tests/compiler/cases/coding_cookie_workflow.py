
NAME = "größe"


measure = __wfc__.step("measure")




async def flow(x):
    
    return NAME + await measure(x)
