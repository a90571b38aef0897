async def first(x):
    "use workflow"

    async def act():
        "use step"
        return x

    return await act()


async def second(y):
    "use workflow"

    async def act():
        "use step"
        return y

    return await act()
