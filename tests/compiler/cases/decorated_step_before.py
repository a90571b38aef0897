from tools import metered


def own(function):
    return function


@metered(limit=3)
@own
async def charge(cents):
    "use step"
    return cents


async def flow(cents):
    "use workflow"
    return await charge(cents)
