







async def flow(cents):
    
    ...
