












def pure(function):
    return function


charge = __wfc__.step("charge")














@pure
async def checkout(order_id: str) -> str:
    
    return await charge(order_id)
