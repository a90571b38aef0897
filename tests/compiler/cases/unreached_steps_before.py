async def used():
    "use step"
    return 1


async def unused():
    "use step"
    return 2


async def main():
    "use workflow"
    return await used()
