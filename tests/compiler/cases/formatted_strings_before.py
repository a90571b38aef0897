async def name(x):
    "use step"
    return x


async def flow(x):
    "use workflow"
    return f"{await name(x)!r:>{x}} and {await name(f'{x}')}" "joined"
