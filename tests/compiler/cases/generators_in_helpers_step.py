def numbers(count):
    for number in range(count):
        yield number
    yield from range(3)


def squares(count):
    return (number * number for number in numbers(count))


async def act(x):
    
    return x


async def flow(count):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "act", act)
__wfc__.register("workflow", "flow", flow)
