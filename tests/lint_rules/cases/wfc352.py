"""Async steps that stop the event loop."""

import asyncio
import subprocess
import time
from time import sleep as pause

import httpx
import requests


async def poll(job: str) -> str:
    "use step"
    time.sleep(5)  # WFC352: 5, "`time.sleep`"
    return job


async def fetch(url: str) -> str:
    "use step"
    with requests.Session() as session:
        first = session.get(url, timeout=5)  # WFC352: 17, "`session.get`"
    return first.text + requests.post(url, timeout=5).text  # WFC352: 25, "`requests.post`"


async def convert(path: str) -> int:
    "use step"
    pause(1)  # WFC352: 5, "`pause`"
    return subprocess.run(["convert", path]).returncode  # WFC352: 12, "`subprocess.run`"


get = requests.get


async def aliased(url: str) -> str:
    "use step"
    return get(url, timeout=3).text  # WFC352: 12, "`get`" probably


def good_thread(url: str) -> str:
    "use step"
    time.sleep(1)
    return requests.get(url, timeout=5).text


async def good_async(url: str) -> str:
    "use step"
    await asyncio.sleep(1)
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).text


async def good_handed_over(url: str) -> str:
    "use step"

    def fetch_it() -> str:
        return requests.get(url, timeout=5).text

    await asyncio.to_thread(time.sleep, 1)
    return await asyncio.to_thread(fetch_it)


SESSION = requests.Session()


async def shared(url: str) -> str:
    "use step"
    return SESSION.get(url, timeout=3).text  # WFC352: 12, "`SESSION.get`"
