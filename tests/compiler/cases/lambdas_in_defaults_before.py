def pick(rows, key=lambda row: row[0], *, then=lambda row: -row[1]):
    return sorted(rows, key=lambda row: (key(row), then(row)))


async def flow(rows):
    "use workflow"
    return pick(rows, then=lambda row: row[2])
