from app.steps import charge as pay
import asyncio as aio


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
