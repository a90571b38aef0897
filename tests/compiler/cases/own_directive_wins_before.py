"use step"


async def charge(cents):
    return cents


async def checkout(cents):
    "use workflow"
    return await charge(cents)
