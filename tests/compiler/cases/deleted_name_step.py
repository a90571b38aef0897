temporary = 1
KEPT = temporary + 1
del temporary


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
