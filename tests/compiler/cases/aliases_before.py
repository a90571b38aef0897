from app.steps import charge as pay
import asyncio as aio


async def main():
    "use workflow"
    await aio.gather(pay(1), pay(2))
