async def used():
    
    return 1


async def unused():
    
    return 2


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("step", "used", used)
__wfc__.register("step", "unused", unused)
__wfc__.register("workflow", "main", main)
