import asyncio
from functools import partial


async def charge(x, y=1):
    
    return x


TOOLS = [charge]
by_name = {"charge": charge}


async def main():
    __wfc__.refuse("main")
    

__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
