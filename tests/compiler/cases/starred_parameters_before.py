async def book(first, /, second=2, *rest, third, fourth=4, **more):
    "use step"
    return first, second, rest, third, fourth, more


async def flow(first, *rest, third, **more):
    "use workflow"
    return await book(first, *rest, third=third, **more)
