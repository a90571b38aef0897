import asyncio


def crunch(x):
    "use step"
    return x


async def flow(xs):
    "use workflow"
    first = await asyncio.to_thread(crunch, xs)
    return await asyncio.gather(*map(crunch, xs)), first
