def price(x):
    return x


async def charge(price):
    "use step"
    return price


async def flow(charge):
    "use workflow"
    return charge


async def other(x):
    "use workflow"
    price = await charge(x)
    return price
