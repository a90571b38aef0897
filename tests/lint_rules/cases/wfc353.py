"""Requests that may wait for ever."""

import asyncio
from urllib.request import urlopen

import httpx
import requests
from wfc import policy


def fetch(url: str) -> str:
    "use step"
    return requests.get(url).text  # WFC353: 12, "`requests.get`"


def download(url: str) -> bytes:
    "use step"
    with urlopen(url) as answer:  # WFC353: 10, "`urlopen`"
        return answer.read()


@policy(attempts=5)
async def ask(url: str) -> str:
    "use step"
    async with httpx.AsyncClient(timeout=None) as client:  # WFC353: 16, "`httpx.AsyncClient`"
        return (await client.get(url)).text


def send(url: str) -> int:
    "use step"
    session = requests.Session()
    return session.post(url, json={}).status_code  # WFC353: 12, "`session.post`"


def good_timeout(url: str) -> str:
    "use step"
    return requests.get(url, timeout=10).text + urlopen(url, None, 5).read().decode()


@policy(timeout="30s")
def good_policy(url: str) -> str:
    "use step"
    return requests.get(url).text


async def good_httpx(url: str) -> str:
    "use step"
    async with httpx.AsyncClient() as client, asyncio.timeout(9):
        return (await client.get(url, timeout=None)).text


def good_options(url: str, seconds: int) -> str:
    "use step"
    options = {"timeout": seconds}
    return requests.get(url, **options).text


def good_helper(url: str) -> str:
    return requests.get(url).text
