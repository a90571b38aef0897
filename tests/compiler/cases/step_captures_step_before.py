async def charge(x):
    "use step"
    return x


async def flow(x):
    "use workflow"

    async def first():
        "use step"
        return x

    async def both():
        "use step"
        return await first(), await charge(x)

    return await both()
