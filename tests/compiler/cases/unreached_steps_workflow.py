used = __wfc__.step("used")









async def main():
    
    return await used()
