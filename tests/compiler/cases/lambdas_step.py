double = lambda x: x * 2
triple = lambda x: x * 3


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
