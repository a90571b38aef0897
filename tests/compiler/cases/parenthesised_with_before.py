async def act(x):
    "use step"
    return x


async def flow(a, b):
    "use workflow"
    with (
        a as first,
        b as second,
    ):
        await act(first)
    async with a, b as third:
        return await act(third), second
