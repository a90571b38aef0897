def add(x): "use step"; return x + 1
async def sub(x): "use step"; return x - 1;
async def nothing(): "use step"
async def main(x): "use workflow"; y = await add(x); return await sub(y)
async def empty(): "use workflow"
