"""All of these are steps."""

"use step"

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
    "use workflow"
    await get("a")
    await put("b")
