async def charge(cents):  # wfc: was[app.old:bill]
    
    return cents


# wfc: was[app.old:order]
async def flow(cents):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
