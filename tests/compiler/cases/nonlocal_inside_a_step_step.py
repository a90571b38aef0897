async def flow(x):
    __wfc__.refuse("flow")

    async def count():
        
        total = x

        def add():
            nonlocal total
            total += 1

        add()
        return total

    return await count()
__wfc__.register("workflow", "flow", flow)
__wfc__.register("step", "flow.count", flow)
