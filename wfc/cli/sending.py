"""Sending to a hook from the command line: the receipt is printed, and a worker gets its moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from wfc.cli import output
from wfc.cli.common import Common
from wfc.cli.session import opened, wait_for_reaction
from wfc.config import Session
from wfc.errors import SchemaUnavailable
from wfc.types import Receipt

Send = Callable[[Session], Awaitable[Receipt]]


def send(common: Common, what: Send) -> None:
    """Send, with the application's code only if nothing else can judge."""
    asyncio.run(_send(common, what))


async def _send(common: Common, what: Send) -> None:
    try:
        await _once(common, what, with_code=False)
    except SchemaUnavailable:
        # Without `jsonschema` the hook's own type can judge, which takes a build of the project.
        await _once(common, what, with_code=True)


async def _once(common: Common, what: Send, *, with_code: bool) -> None:
    async with opened(common.load(), with_code=with_code) as session:
        receipt = await what(session)
        data = {
            "run": receipt.run_id,
            "receipt_id": receipt.receipt_id,
            "position": receipt.position,
            "duplicate": receipt.duplicate,
        }
        output.result(common, "receipt", data, rows=[data])
        if not receipt.duplicate:
            await wait_for_reaction(common, session, [receipt.run_id])
