async def charge(a: int) -> str:
    "use step"
    import httpx
    return httpx.get(a)
async def flow(x, y=None):
    "use workflow"
    return await charge(x)
