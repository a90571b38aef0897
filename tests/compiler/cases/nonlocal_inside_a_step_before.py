async def flow(x):
    "use workflow"

    async def count():
        "use step"
        total = x

        def add():
            nonlocal total
            total += 1

        add()
        return total

    return await count()
