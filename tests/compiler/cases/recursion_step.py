async def leaf(x):
    
    return x


def depth(x):
    return 0 if not x else 1 + depth(x[1:])


async def walk(tree):
    __wfc__.refuse("walk")
    


__wfc__.register("step", "leaf", leaf)
__wfc__.register("workflow", "walk", walk)
