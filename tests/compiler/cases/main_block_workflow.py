




charge = __wfc__.step("charge")




async def main():
    
    return await charge()




