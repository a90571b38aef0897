import requests


async def get(url: str) -> str:
    "use step"
    return requests.get(url).text
