import asyncio

from wfc.api import start


async def charge():
    "use step"
    return 1


async def main():
    "use workflow"
    return await charge()


if __name__ == "__main__":
    asyncio.run(start(main))
