async def rows():
    "use step"
    return [1, 2, 3]


FIRST, *REST = 1, 2, 3


async def flow():
    "use workflow"
    head, *tail = await rows()
    (a, b), c = (1, 2), 3
    return head, tail, [*tail, *REST], a, b, c
