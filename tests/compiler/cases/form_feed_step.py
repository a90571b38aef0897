X = 1

async def main():
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
