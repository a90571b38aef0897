"""The workflows that the operator API is asked about."""

from __future__ import annotations

from tests.runtime.programs import Program

SHOP = Program(
    "api_shop",
    '''
    """A shop under test."""
    import logging
    import sys
    from decimal import Decimal
    from datetime import datetime, UTC
    from typing import Any

    from pydantic import BaseModel, SecretStr

    from wfc import Backoff, FatalError, create_hook, get_writable, policy, sleep, start

    LOG = logging.getLogger("shop")


    class Order(BaseModel):
        id: str
        cents: int
        api_key: str = ""


    class Decision(BaseModel):
        approved: bool
        reason: str = ""


    @policy(attempts=3, backoff=Backoff(initial="1h", maximum="1h", factor=1, jitter=0))
    async def charge(order: Order, password: str = "") -> dict:
        "use step"
        sys.journal.calls.append("charge")
        LOG.warning("charging with %s", order.api_key)
        if order.cents < 0 and sys.journal.calls.count("charge") < 3:
            raise ValueError(f"no money, key {order.api_key}")
        return {"paid": Decimal(order.cents) / 100, "at": datetime(2030, 1, 1, tzinfo=UTC),
                "raw": b"bytes", "big": 2**60, "token": "t0ps3cr3t-token"}


    async def tell(name: str) -> None:
        "use step"
        await get_writable(str).write(f"hello {name}")


    async def plain(order: Order) -> dict:
        "use workflow"
        return await charge(order)


    async def waits(order: Order) -> Any:
        "use workflow"
        paid = await charge(order, password="hunter2hunter2")
        hook = create_hook(Decision, token=f"order:{order.id}", metadata={"prompt": "OK?"})
        async with hook:
            decision = await hook
        await sleep("3 days")
        return [paid, decision.approved]


    async def fails(order: Order) -> None:
        "use workflow"
        await charge(order)
        raise FatalError(f"rejected with {order.api_key}")


    async def parent(order: Order) -> Any:
        "use workflow"
        child = await start(plain, order)
        await tell(order.id)
        return await child.result()
    ''',
    whole=True,
)
CANARY = "sk-canary-0123456789"
"""A secret that no answer may hold."""
