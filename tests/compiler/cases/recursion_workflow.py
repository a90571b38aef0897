leaf = __wfc__.step("leaf")




def depth(x):
    return 0 if not x else 1 + depth(x[1:])


async def walk(tree):
    
    if depth(tree) > 3:
        return await leaf(tree)
    return [await walk(part) for part in tree]
