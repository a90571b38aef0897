import asyncio

from wfc.api import start


async def charge():
    
    return 1


async def main():
    __wfc__.refuse("main")
    


if __wfc__.register("step", "charge", charge) or __wfc__.register("workflow", "main", main) or __name__ == "__main__":
    asyncio.run(start(main))
