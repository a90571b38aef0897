import functools


def traced(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)

    return call


def unused(function):
    return function


@traced
def price(x):
    return x


@unused
def gone(x):
    return x


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
