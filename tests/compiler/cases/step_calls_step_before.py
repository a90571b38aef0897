async def inner():
    "use step"
    return 1


async def outer():
    "use step"
    return await inner()


async def main():
    "use workflow"
    return await outer()
