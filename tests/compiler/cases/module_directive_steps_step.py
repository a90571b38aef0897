"""All of these are steps."""



import requests

TIMEOUT = 3


def get(url):
    return requests.get(url, timeout=TIMEOUT)


async def put(url):
    """Put it."""
    return requests.put(url)


def _private():
    return 1


async def main():
    __wfc__.refuse("main")
    

__wfc__.register("step", "get", get)
__wfc__.register("step", "put", put)
__wfc__.register("workflow", "main", main)
