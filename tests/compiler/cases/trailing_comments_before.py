async def charge(x):  # a step
    "use step"  # marks it
    return x  # gives it


async def flow(x):  # a workflow
    "use workflow"  # marks it
    # Nothing but a comment.
    return await charge(x)  # awaits it
    # Behind the last statement.


# At the end.
