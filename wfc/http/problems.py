"""Refusals as RFC 9457 has them."""

from __future__ import annotations

from starlette.responses import JSONResponse

from wfc.runtime.webhook_door import Refusal


def problem(refusal: Refusal) -> JSONResponse:
    """Say what was refused, and why, in a form for programs."""
    told: dict[str, object] = {
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
    }
    if refusal.errors:
        told["errors"] = [
            {"pointer": pointer, "message": message} for pointer, message in refusal.errors
        ]
    headers = {"allow": ", ".join(refusal.allow)} if refusal.allow else None
    return JSONResponse(
        told, refusal.status, headers=headers, media_type="application/problem+json"
    )
