import httpx


async def fetch(url):
    "use step"
    import httpx as client

    return client.get(url).text


async def flow(url):
    "use workflow"
    from json import loads

    return loads(await fetch(url))
