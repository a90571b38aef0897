








get = __wfc__.step("get")



put = __wfc__.step("put")








async def main():
    
    await get("a")
    await put("b")
