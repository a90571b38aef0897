"""Steps that return whole files and tables."""

from pathlib import Path

import httpx
import pandas as pd


def load(path: str) -> str:
    "use step"
    with open(path) as file:
        return file.read()  # WFC405: 16, "file.read()"


def image(path: str) -> bytes:
    "use step"
    data = Path(path).read_bytes()
    return data  # WFC405: 12, "read_bytes()"


def table(path: str) -> list[dict[str, str]]:
    "use step"
    return pd.read_csv(path).to_dict("records")  # WFC405: 12, "to_dict"


async def download(bucket: str) -> str:
    "use step"
    async with httpx.AsyncClient() as client, client.stream("GET", bucket) as answer:
        return (await answer.read()).decode()  # WFC405: 16, "answer.read()"


def good_key(path: str) -> str:
    "use step"
    data = Path(path).read_bytes()
    return f"blob-{len(data)}"


def good_some(path: str) -> str:
    "use step"
    with open(path) as file:
        return file.read(100)


def good_counted(path: str) -> int:
    "use step"
    return len(Path(path).read_bytes())


def good_helper(path: str) -> bytes:
    return Path(path).read_bytes()
