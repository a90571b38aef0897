"""Requests that a second attempt sends again."""

import httpx
import requests
from wfc import get_step_metadata


def charge(order_id: str) -> str:
    "use step"
    answer = requests.post("https://pay", json={"order": order_id}, timeout=9)  # WFC357: 14, "charge"
    return answer.json()["id"]


async def refund(order_id: str) -> str:
    "use step"
    async with httpx.AsyncClient() as client:
        answer = await client.post("https://pay", json={"order": order_id})  # WFC357: 24, "refund"
    return answer.json()["id"]


def ship(order_id: str) -> int:
    "use step"
    return requests.request("POST", "https://ship", timeout=9).status_code  # WFC357: 12, "ship"


def good_key(order_id: str) -> str:
    "use step"
    headers = {"Idempotency-Key": f"charge-{order_id}"}
    return requests.post("https://pay", headers=headers, timeout=9).text


def good_metadata(order_id: str) -> str:
    "use step"
    key = get_step_metadata().idempotency_key
    return requests.post("https://pay", json={"key": key}, timeout=9).text


def good_get(order_id: str) -> str:
    "use step"
    return requests.get(f"https://pay/{order_id}", timeout=9).text
