async def child(x):
    __wfc__.refuse("child")
    


async def grandchild(x):
    """The last."""
    __wfc__.refuse("grandchild")
    


async def main(x):
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "child", child)
__wfc__.register("workflow", "grandchild", grandchild)
__wfc__.register("workflow", "main", main)
