RATE = 3


async def flow(order, limit):
    "use workflow"
    total, extra = order, 2

    async def charge(cents, own=1):
        "use step"
        local = cents * RATE
        return local + total + limit + own

    async def refund():
        "use step"
        return extra

    return await charge(1), await refund()
