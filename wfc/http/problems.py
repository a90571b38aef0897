"""Refusals as RFC 9457 has them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from wfc.runtime.webhook_door import Refusal

MEDIA_TYPE = "application/problem+json"


def problem(
    connection: HTTPConnection,
    refusal: Refusal,
    *,
    headers: Mapping[str, str] | None = None,
    instance: str | None = None,
) -> JSONResponse:
    """Say what was refused, and why, in a form for programs; `instance` is what logs name it by."""
    mount = str(connection.scope.get("root_path", "")).rstrip("/")
    told: dict[str, object] = {
        "type": f"{mount}/api/v1/problems/{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
    }
    if instance is not None:
        told["instance"] = instance
    if refusal.errors:
        told["errors"] = [
            {"pointer": pointer, "message": message} for pointer, message in refusal.errors
        ]
    # What is refused now may be granted the next moment.
    more = {"cache-control": "no-store", **(headers or {})}
    if refusal.allow:
        more["allow"] = ", ".join(refusal.allow)
    return JSONResponse(told, refusal.status, headers=more, media_type=MEDIA_TYPE)
