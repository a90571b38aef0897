"""From a request to an answer of the operator API: who asks, what is asked, what is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from wfc.errors import WfcError
from wfc.http.auth import ACT, check_origin
from wfc.runtime.webhook_door import Refusal
from wfc.web.api.acting import Acted, Made
from wfc.web.api.asking import Asked, read_json, read_query
from wfc.web.api.models import RunView
from wfc.web.api.refusing import refusal_of
from wfc.web.api.table import ApiRoute
from wfc.web.site import Site

_HEADERS: Final = {"cache-control": "no-store"}
_OK: Final = 200
_UNCHANGED: Final = 304


async def answer(site: Site, request: Request, row: ApiRoute) -> Response:
    """Answer one request. Raises `Refusal`, and `WfcError` for what is no fault of the request."""
    principal = await site.guard.allowed(request, row.role)
    if row.role == ACT:
        if site.read_only:
            raise Refusal(
                status=403,
                code="read-only",
                title="This server only shows",
                detail="It was started with `--read-only`. Nothing was recorded.",
            )
        check_origin(request)
    query = read_query(request, row.query)
    body, sent = (None, b"")
    if row.body is not None:
        body, sent = await read_json(request, row.body, row.body_max)
    session = await site.sessions.get()
    asked = Asked(
        site=site, session=session, request=request, principal=principal,
        query=query, body=body, sent=sent,
    )  # fmt: skip
    try:
        found = await row.endpoint(asked)
    except WfcError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error
    return _said(request, row, found)


def _said(request: Request, row: ApiRoute, found: Any) -> Response:
    headers = dict(_HEADERS)
    status = row.status
    if isinstance(found, Made) and not found.created:
        status = _OK
    if isinstance(found, Acted) and found.already:
        headers["idempotent-replayed"] = "true"
    if isinstance(found, RunView):
        headers["etag"] = f'"{found.events}"'
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=_UNCHANGED, headers=headers)
    text = found.model_dump_json() if isinstance(found, BaseModel) else _json(found)
    return Response(text, status, headers=headers, media_type="application/json")


def _json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
