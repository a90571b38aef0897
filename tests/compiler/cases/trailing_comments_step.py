async def charge(x):  # a step
                # marks it
    return x  # gives it


async def flow(x):  # a workflow
    __wfc__.refuse("flow")  # marks it
    # Nothing but a comment.
    
    # Behind the last statement.


# At the end.
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
