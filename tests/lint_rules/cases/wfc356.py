"""Steps called in steps."""

import asyncio

from pydantic import BaseModel


async def charge(order_id: str) -> str:
    "use step"
    return order_id


def render(order_id: str) -> str:
    "use step"
    return order_id


async def settle(order_id: str) -> str:
    "use step"
    return await charge(order_id)  # WFC356: 18, "charge"


async def publish(order_id: str) -> str:
    "use step"
    text = render(order_id)  # WFC356: 12, "render"
    await asyncio.to_thread(render, text)  # WFC356: 11, "render"
    return text


def tidy(order_id: str) -> str:
    return order_id.strip()


async def good_helper(order_id: str) -> str:
    "use step"
    return tidy(order_id)


async def good_workflow(order_id: str) -> str:
    "use workflow"
    await charge(order_id)
    return await asyncio.to_thread(render, order_id)


async def good_script() -> None:
    await charge("o-1")


class Invoice(BaseModel):
    id: str

    async def pay(self) -> str:
        "use step"
        return self.shown()

    async def send(self) -> str:
        "use step"
        await self.pay()  # WFC356: 15, "Invoice.pay"
        return self.id

    def shown(self) -> str:
        return self.id
