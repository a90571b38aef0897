RATE = 3


async def flow(order, limit):
    __wfc__.refuse("flow")
    total, extra = order, 2

    async def charge(cents, own=1):
        
        local = cents * RATE
        return local + total + limit + own

    async def refund():
        
        return extra

    return await charge(1), await refund()
__wfc__.register("workflow", "flow", flow)
__wfc__.register("step", "flow.charge", flow)
__wfc__.register("step", "flow.refund", flow)
