async def child(x):
    
    return await grandchild(x)


async def grandchild(x):
    """The last."""
    
    return x


async def main(x):
    
    return await child(x)
