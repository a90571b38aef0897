async def charge(cents): ...


async def refund(cents):
    
    ...


async def flow(cents):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "refund", refund)
__wfc__.register("workflow", "flow", flow)
