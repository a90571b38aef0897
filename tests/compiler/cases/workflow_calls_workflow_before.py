async def child(x):
    "use workflow"
    return await grandchild(x)


async def grandchild(x):
    """The last."""
    "use workflow"
    return x


async def main(x):
    "use workflow"
    return await child(x)
