


slow = __wfc__.step("slow")





async def main(x: int) -> int:
    
    return await slow(x)
