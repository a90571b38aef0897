import functools


def traced(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)

    return call






@traced
def price(x):
    return x







async def flow(x):
    
    return price(x)
