"""Webhooks over HTTP: requests become values, and what the door says becomes an answer."""

from __future__ import annotations

import html
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from wfc.http.bodies import BodyTooLarge, read_body
from wfc.http.leaving import while_there
from wfc.http.problems import problem
from wfc.runtime import webhook_door
from wfc.runtime.webhook_door import BODY_MAX, Refusal, Taken
from wfc.runtime.webhooks import WebhookRequest
from wfc.web.site import Site
from wfc.worlds.protocol import HookRow

_PATIENCE_S: Final = 30.0
"""How long a sender waits for a step to answer."""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Send this?</title></head>
<body>
<h1>Send this to <em>{name}</em>?</h1>
<p>Nothing has been sent by opening this page.</p>
<form method="post"><button>Send</button></form>
</body>
</html>
"""
_PAGE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


async def webhook(site: Site, request: Request) -> Response:
    """Take what is sent to a webhook. Raises `Refusal`, and `ClientDisconnect` once the sender of
    one that a step answers has gone.
    """
    client = await site.sessions.get()
    row = await webhook_door.webhook_at(client, request.path_params["token"])
    if request.method not in row.hook.methods:
        # Mail scanners open links: what only looks must send nothing.
        webhook_door.check_open(client, row)
        if _shows_page(row, request):
            return _page(row)
        webhook_door.check_method(row, request.method)
    taken = await webhook_door.deliver(client, row, await _read(request))
    try:
        answering = webhook_door.answer_to(client, taken, _PATIENCE_S)
        # Who has said all may close that half of the connection, and still hears what is known.
        waits = taken.response is None
        answer = await (while_there(request, answering) if waits else answering)
    except Refusal as refusal:
        return _marked(problem(request, refusal), taken)
    return _marked(
        Response(answer.body, answer.status, headers=dict(answer.headers)),
        taken,
    )


def _shows_page(row: HookRow, request: Request) -> bool:
    wants_page = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and wants_page and "POST" in row.hook.methods


def _page(row: HookRow) -> HTMLResponse:
    name = row.workflow.rpartition(":")[2]
    return HTMLResponse(_PAGE.format(name=html.escape(name)), headers=_PAGE_HEADERS)


async def _read(request: Request) -> WebhookRequest:
    """Read a request, and no more of its body than is taken. Raises `Refusal`."""
    try:
        body = await read_body(request, BODY_MAX)
    except BodyTooLarge:
        raise webhook_door.too_large() from None
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return WebhookRequest(
        method=request.method,
        path=request.scope["path"],
        query=dict(request.query_params),
        headers=headers,
        body=body,
        query_string=request.url.query,
    )


def _marked(response: Response, taken: Taken) -> Response:
    response.headers["wfc-receipt"] = taken.receipt_id
    if taken.repeated:
        response.headers["idempotent-replayed"] = "true"
    return response
