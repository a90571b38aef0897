async def charge(cents):
    "use step"
    return cents


async def checkout(order):
    "use workflow"
    total = 0

    def add(cents):
        nonlocal total
        total += cents
        return total

    async def pay(cents):
        add(await charge(cents))

    await pay(order)
    return total
