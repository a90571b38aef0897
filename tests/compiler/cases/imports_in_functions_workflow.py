


fetch = __wfc__.step("fetch")






async def flow(url):
    
    from json import loads

    return loads(await fetch(url))
