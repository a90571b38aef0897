"""Work for a sender who waits, given up when nobody is there any more to hear how it came out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

_T = TypeVar("_T")


async def while_there(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Await `work` for as long as the sender of a request, whose body was read, is there.

    Raises what `work` raises, and `ClientDisconnect` once the sender has gone: `work` is cancelled
    then.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and leaving.exception() is None:
            raise ClientDisconnect
        return await working  # a server that cannot say who is there tells nothing of the work
    finally:
        for each in (working, leaving):
            each.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Return when the sender has gone: a server says nothing else behind the end of the body."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return
