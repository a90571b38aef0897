async def main():
    
    return await charge()






charge = __wfc__.step("charge")


