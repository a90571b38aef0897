def add(x): pass      ; return x + 1
async def sub(x): pass      ; return x - 1;
async def nothing(): pass
async def main(x): __wfc__.refuse("main"); 
async def empty(): __wfc__.refuse("empty")
__wfc__.register("step", "add", add)
__wfc__.register("step", "sub", sub)
__wfc__.register("step", "nothing", nothing)
__wfc__.register("workflow", "main", main)
__wfc__.register("workflow", "empty", empty)
