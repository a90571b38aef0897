charge = __wfc__.step("charge")




async def flow(x):
    
    return {
        "list": [await charge(1), *await charge(2)],
        "dict": {**await charge(3), "own": await charge(4)},
        "set": {await charge(5)},
        "tuple": (await charge(6),),
    }
