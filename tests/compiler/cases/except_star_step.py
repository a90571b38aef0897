async def charge():
    
    raise ValueError


async def main():
    __wfc__.refuse("main")
    





__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
