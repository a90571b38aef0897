async def look(x):
    "use step"
    return x


async def flow(rows):
    "use workflow"
    for row in rows:
        if await look(row):
            break
    else:
        await look(None)
    while rows:
        rows = await look(rows)
    else:
        return await look(1)
