import requests


async def get(url: str) -> str:
    
    return requests.get(url).text
__wfc__.register("step", "get", get)
