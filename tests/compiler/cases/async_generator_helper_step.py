async def fetch(page):
    
    return page


async def pages(count):
    for page in range(count):
        yield await fetch(page)


async def unused_pages():
    yield await fetch(0)


async def collect(count):
    __wfc__.refuse("collect")
    
__wfc__.register("step", "fetch", fetch)
__wfc__.register("workflow", "collect", collect)
