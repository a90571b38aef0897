"use workflow"


async def main():
    return 1
