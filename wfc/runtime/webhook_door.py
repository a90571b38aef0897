"""The door for HTTP: what is sent to a webhook is judged, recorded and answered.

No framework here: a request is values, and so is its answer. Only webhooks are found; hooks with a
token that somebody chose can be guessed, and stay out of reach.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from wfc.errors import (
    HookClosed,
    HookError,
    HookNotFound,
    HookPayloadInvalid,
    IdempotencyMismatch,
    PayloadTooLarge,
    RunLogFull,
    WfcError,
    WorldError,
    WorldFull,
)
from wfc.eventlog.entity import HookStatus
from wfc.eventlog.event import Channel, HookKind
from wfc.runtime import hook_door
from wfc.runtime.client import Client
from wfc.runtime.webhooks import Response, WebhookRequest, read_response
from wfc.worlds.protocol import HookRow

BODY_MAX: Final = 1 << 20
"""Bytes that a body may have."""
_SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that say who sends, and have no place in a log."""
_ONCE: Final = ("idempotency-key", "webhook-id")
_ONCE_MAX: Final = 200


@dataclass(kw_only=True, eq=False)
class Refusal(Exception):
    """Nothing was recorded, and why, in the words of RFC 9457."""

    status: int
    code: str
    title: str
    detail: str
    allow: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    """Pointers into the body, and what is wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The request is on disk. `repeated`: it was before."""

    response: Response
    receipt_id: str
    repeated: bool


async def webhook_at(client: Client, token: str) -> HookRow:
    """Find the webhook that has a token. Raises `Refusal`."""
    row = await client.world.hook_by_token(token)
    known = row is not None and hmac.compare_digest(row.hook.token.encode(), token.encode())
    if row is None or not known or row.hook.kind is not HookKind.WEBHOOK:
        raise _unknown()
    if row.hook.status is not HookStatus.ACTIVE:
        raise _ended(client, row)
    return row


async def deliver(client: Client, token: str, request: WebhookRequest) -> Taken:
    """Record a request and say what is answered. Raises `Refusal`; nothing was recorded then."""
    row = await webhook_at(client, token)
    if request.method not in row.hook.methods:
        raise not_allowed(row)
    if len(request.body) > BODY_MAX:
        raise too_large()
    typed = row.hook.schema is not None
    try:
        receipt = await hook_door.send(
            client,
            token,
            _body(request) if typed else _kept(request),
            idempotency_id=_once(request),
            as_json=typed,
            channel=Channel.WEBHOOK,
        )
    except (HookError, PayloadTooLarge, RunLogFull, WorldError) as error:
        raise _refusal(error) from error
    return Taken(
        response=read_response(row.hook.response),
        receipt_id=receipt.receipt_id,
        repeated=receipt.duplicate,
    )


def _kept(request: WebhookRequest) -> WebhookRequest:
    headers = {name: value for name, value in request.headers.items() if name not in _SECRETS}
    return WebhookRequest(request.method, request.path, request.query, headers, request.body)


def _body(request: WebhookRequest) -> Any:
    try:
        return json.loads(request.body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            status=400,
            code="bad-request",
            title="The body is no JSON",
            detail=f"{error}. Nothing was recorded.",
        ) from None


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _once(request: WebhookRequest) -> str | None:
    found = next((request.headers[name] for name in _ONCE if name in request.headers), None)
    if found is not None and not (0 < len(found) <= _ONCE_MAX and found.isprintable()):
        raise Refusal(
            status=400,
            code="bad-request",
            title="The idempotency key cannot be used",
            detail=f"It has 1 to {_ONCE_MAX} visible characters. Nothing was recorded.",
        )
    return found


# --- refusing ------------------------------------------------------------------------------------


def not_allowed(row: HookRow) -> Refusal:
    """Say by what a webhook may be asked."""
    allowed = ", ".join(row.hook.methods)
    return Refusal(
        status=405,
        code="method-not-allowed",
        title="Not by this method",
        detail=f"This webhook takes {allowed}. Nothing was recorded.",
        allow=row.hook.methods,
    )


def too_large() -> Refusal:
    """Say how much a body may hold."""
    return Refusal(
        status=413,
        code="too-large",
        title="The body is too large",
        detail=f"A webhook takes bodies of up to {BODY_MAX:,} bytes. Nothing was recorded.",
    )


def _unknown() -> Refusal:
    # One answer for what never was and what is no webhook: nobody learns which tokens there are.
    return Refusal(
        status=404,
        code="no-such-webhook",
        title="There is no such webhook",
        detail="The address is mistyped, or it was closed some time ago. Nothing was recorded.",
    )


def _ended(client: Client, row: HookRow) -> Refusal:
    if row.reserved_until is None or row.reserved_until <= client.world.now_us():
        return _unknown()
    return _closed()


def _closed() -> Refusal:
    return Refusal(
        status=410,
        code="hook-disposed",
        title="The webhook is closed",
        detail="It takes nothing any more. Nothing was recorded.",
    )


def _refusal(error: WfcError) -> Refusal:  # noqa: PLR0911 - one for each way to fail
    match error:
        case HookNotFound():
            return _unknown()
        case HookClosed():
            return _closed()
        case HookPayloadInvalid():
            return Refusal(
                status=422,
                code="invalid-payload",
                title="The body does not fit",
                detail="It is not what this webhook takes. Nothing was recorded.",
                errors=error.problems,
            )
        case IdempotencyMismatch():
            return Refusal(
                status=422,
                code="key-reused",
                title="The idempotency key was used before",
                detail="Another body came with it. Nothing was recorded.",
            )
        case PayloadTooLarge():
            return too_large()
        case WorldFull() | RunLogFull():
            return Refusal(
                status=507,
                code="disk-full",
                title="There is no room",
                detail="Nothing was recorded. Send it again later.",
            )
        case HookError():
            return Refusal(
                status=501,
                code="not-in-this-world",
                title="The body cannot be judged here",
                detail="This server has not got what judges it. Nothing was recorded.",
            )
    return Refusal(
        status=503,
        code="world-unavailable",
        title="It cannot be recorded now",
        detail="Nothing was recorded. Send it again later.",
    )
