"""Whether the process lives, and whether its world answers: for those who watch over servers."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wfc.errors import WfcError
from wfc.web.site import Site

_READY_S: Final = 1.0
_HEADERS: Final = {"cache-control": "no-store"}


async def health(_site: Site, _request: Request) -> Response:
    """Say that the process answers; nothing else is touched."""
    return JSONResponse({"status": "alive"}, headers=_HEADERS)


async def ready(site: Site, _request: Request) -> Response:
    """Say whether the world answers in time, with tables that this wfc knows, and if not, why."""
    try:
        async with asyncio.timeout(_READY_S):
            session = await site.sessions.get()
            await session.world.workers()
    except TimeoutError:
        why = f"the world did not answer within {_READY_S:g} s"
        return JSONResponse({"status": "not ready", "why": why}, 503, headers=_HEADERS)
    except WfcError as error:
        why = str(error).partition("\n")[0]
        told = {"status": "not ready", "why": why, "code": error.code}
        return JSONResponse(told, 503, headers=_HEADERS)
    return JSONResponse({"status": "ready"}, headers=_HEADERS)
