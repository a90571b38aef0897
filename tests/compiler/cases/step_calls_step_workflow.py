




outer = __wfc__.step("outer")




async def main():
    
    return await outer()
