fetch = __wfc__.step("fetch")




async def pages(count):
    for page in range(count):
        yield await fetch(page)






async def collect(count):
    
    return [page async for page in pages(count)]
