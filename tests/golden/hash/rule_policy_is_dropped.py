from wfc import policy
@policy(timeout="3s")
async def flow(x):
    "use workflow"
    return await charge(x)
@policy(attempts=9)
async def charge(x):
    "use step"
