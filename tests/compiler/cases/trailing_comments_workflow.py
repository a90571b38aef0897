charge = __wfc__.step("charge")




async def flow(x):  # a workflow
                    # marks it
    # Nothing but a comment.
    return await charge(x)  # awaits it




