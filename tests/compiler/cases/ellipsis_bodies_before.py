async def charge(cents): ...


async def refund(cents):
    "use step"
    ...


async def flow(cents):
    "use workflow"
    ...
