async def act(x):
    "use step"
    return x


async def flow(x):
    "use workflow"
    if not x:
        return
    assert x, "it is there"
    del x
    global COUNT
    return await act(1)
    await act(2)


COUNT = 0
