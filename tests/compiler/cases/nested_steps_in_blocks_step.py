async def flow(x):
    __wfc__.refuse("flow")
    try:

        async def first():
            
            return x

        await first()
    except ValueError as error:

        async def second():
            
            return error

        await second()
    with x as opened:

        def third():
            
            return opened

        await third()
    match x:
        case [head, *_]:

            async def fourth():
                
                return head

            await fourth()
__wfc__.register("workflow", "flow", flow)
__wfc__.register("step", "flow.first", flow)
__wfc__.register("step", "flow.second", flow)
__wfc__.register("step", "flow.third", flow)
__wfc__.register("step", "flow.fourth", flow)
