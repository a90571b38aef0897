"""The public endpoints, as an application to be served or mounted: webhooks, health, readiness.

    app.mount("/wfc", public_app())     # FastAPI, Starlette

It needs no worker and no code of the application: what it takes is on disk when it answers, and
any worker goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from wfc.config import Session, current_session
from wfc.errors import WfcError
from wfc.http.problems import problem
from wfc.runtime import webhook_door
from wfc.runtime.client import Client
from wfc.runtime.webhook_door import BODY_MAX, Refusal, Taken
from wfc.runtime.webhooks import PATH, WebhookRequest

SessionOf = Callable[[], Awaitable[Session]]
_READY_S: Final = 1.0
_METHODS: Final = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Send this?</title>
<p>Send this? Opening the page has sent nothing.</p>
<form method="post"><button>Send</button></form>
</html>
"""
_PAGE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def public_app(session_of: SessionOf = current_session) -> Starlette:
    """Make the application; `session_of` gives the world that it works on, by default the one of
    the settings.
    """
    return Starlette(
        routes=[
            Route(f"/{PATH}/{{token}}", _Webhook(session_of), methods=_METHODS),
            Route("/health", _health, methods=["GET"]),
            Route("/ready", _Ready(session_of), methods=["GET"]),
        ]
    )


class _Webhook:
    """Takes what is sent to a webhook."""

    def __init__(self, session_of: SessionOf) -> None:
        self._session_of = session_of

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        request = Request(scope, receive)  # type: ignore[arg-type]  # as ASGI has them
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = problem(refusal)
        await response(scope, receive, send)  # type: ignore[arg-type]  # likewise

    async def _answer(self, request: Request) -> Response:
        client, token = await self._session_of(), request.path_params["token"]
        if request.method != "POST":
            page = await _without_acting(client, token, request)
            if page is not None:
                return page
        taken = await webhook_door.deliver(client, token, await _read(request))
        return _response(taken)


async def _without_acting(client: Client, token: str, request: Request) -> Response | None:
    """Answer what only looks: mail scanners open links, and must send nothing by that."""
    row = await webhook_door.webhook_at(client, token)
    if request.method in row.hook.methods:
        return None
    wants_page = "text/html" in request.headers.get("accept", "")
    if request.method == "GET" and wants_page and "POST" in row.hook.methods:
        return HTMLResponse(_PAGE, headers=_PAGE_HEADERS)
    raise webhook_door.not_allowed(row)


async def _read(request: Request) -> WebhookRequest:
    """Read a request, and no more of its body than is taken. Raises `Refusal`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BODY_MAX:
        raise webhook_door.too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise webhook_door.too_large()
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return WebhookRequest(
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        headers=headers,
        body=bytes(body),
    )


def _response(taken: Taken) -> Response:
    answer = taken.response
    headers = {**answer.headers, "wfc-receipt": taken.receipt_id}
    if taken.repeated:
        headers["idempotent-replayed"] = "true"
    return Response(answer.body, answer.status, headers=headers)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "alive"})


class _Ready:
    """Tells whether the world answers."""

    def __init__(self, session_of: SessionOf) -> None:
        self._session_of = session_of

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        response = await self._answer()
        await response(scope, receive, send)  # type: ignore[arg-type]  # as ASGI has them

    async def _answer(self) -> Response:
        try:
            async with asyncio.timeout(_READY_S):
                await (await self._session_of()).world.workers()
        except TimeoutError:
            return JSONResponse({"status": "not ready", "why": "the world is slow"}, 503)
        except WfcError as error:
            why = str(error).partition("\n")[0]
            return JSONResponse({"status": "not ready", "why": why, "code": error.code}, 503)
        return JSONResponse({"status": "ready"})
