"""Sells things."""

from wfc import Writable, get_writable


async def charge(order: str, cents: int) -> str:
    "use step"
    return f"paid {order} {cents}"


async def say(out: Writable[str], text: str) -> str:
    "use step"
    await out.write(text)
    return text


async def flow(order: str) -> list:
    "use workflow"
    out = get_writable(str, namespace="answers")
    said = await say(out, "charging")
    paid = await charge(order, 4200)
    return [said, paid, await say(out, "charged")]
