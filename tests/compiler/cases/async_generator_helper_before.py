async def fetch(page):
    "use step"
    return page


async def pages(count):
    for page in range(count):
        yield await fetch(page)


async def unused_pages():
    yield await fetch(0)


async def collect(count):
    "use workflow"
    return [page async for page in pages(count)]
