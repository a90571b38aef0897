async def charge(x):
    "use step"
    return x


async def flow(rows):
    "use workflow"
    for row in rows:
        while row:
            if row > 3:
                try:
                    with row as inner:
                        await charge(inner)
                except ValueError:
                    break
                else:
                    continue
            else:
                await charge(row)
            row -= 1
