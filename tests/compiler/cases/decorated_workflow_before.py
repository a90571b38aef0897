def named(name):
    def keep(function):
        function.name = name
        return function

    return keep


@named("first")
async def flow(x):
    "use workflow"
    return x
