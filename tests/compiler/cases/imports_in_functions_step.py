import httpx


async def fetch(url):
    
    import httpx as client

    return client.get(url).text


async def flow(url):
    __wfc__.refuse("flow")
    


__wfc__.register("step", "fetch", fetch)
__wfc__.register("workflow", "flow", flow)
