from wfc import sleep, set_attributes
async def charge(a, b=2, *, note=""):
    "use step"
async def flow(x, y=None):
    "use workflow"
    await sleep("3s")
    await set_attributes({"a": 1})
    await charge(x, 1, note=y)
    await charge(*x)
