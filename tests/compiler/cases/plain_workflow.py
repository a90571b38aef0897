

from wfc import sleep


charge = __wfc__.step("charge")







async def checkout(order_id: str) -> str:
    
    payment = await charge(order_id, 4200)
    await sleep("3 days")
    return payment
