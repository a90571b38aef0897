def named(name):
    def keep(function):
        function.name = name
        return function

    return keep


@named("first")
async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
