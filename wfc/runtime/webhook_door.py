"""The door for HTTP: what is sent to a webhook is judged, recorded and answered.

No framework here: a request is values, and so is its answer. Only webhooks are found; hooks with a
token that somebody chose can be guessed, and stay out of reach.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from wfc import codec
from wfc.errors import (
    CodecError,
    HookClosed,
    HookNotFound,
    HookPayloadInvalid,
    IdempotencyMismatch,
    PayloadTooLarge,
    RunLogFull,
    SchemaUnavailable,
    WfcError,
    WorldError,
    WorldFull,
)
from wfc.eventlog.entity import HookStatus
from wfc.eventlog.event import Channel, HookKind, HookReceived
from wfc.ids import RunId
from wfc.runtime import hook_door, webhook_replies
from wfc.runtime.client import Client
from wfc.runtime.webhooks import Response, WebhookRequest, read_response
from wfc.worlds.protocol import HookRow

BODY_MAX: Final = 1 << 20
"""Bytes that a body may have."""
_SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that say who sends, and have no place in a log."""
_ONCE: Final = ("idempotency-key", "webhook-id")
_ONCE_FORM: Final = re.compile("[!-~]{1,200}")


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
    """The request is on disk. `repeated`: it was before; `response` is None if a step answers."""

    response: Response | None
    run_id: RunId
    receipt_id: str
    repeated: bool


async def webhook_at(client: Client, token: str) -> HookRow:
    """Find the webhook that has a token, or had it. Raises `Refusal`."""
    try:
        written = token.encode()
    except UnicodeEncodeError:
        raise unknown() from None
    try:
        row = await client.world.hook_by_token(token)
    except WorldError as error:
        raise _refusal(error) from error
    known = row is not None and hmac.compare_digest(row.hook.token.encode(), written)
    if row is None or not known or row.hook.kind is not HookKind.WEBHOOK:
        raise unknown()
    return row


def check_open(client: Client, row: HookRow) -> None:
    """See that a webhook takes something. Raises `Refusal`."""
    if row.hook.status is not HookStatus.ACTIVE:
        kept = row.reserved_until
        raise unknown() if kept is None or kept <= client.world.now_us() else _closed()


def check_method(row: HookRow, method: str) -> None:
    """See that a webhook may be asked by a method. Raises `Refusal`."""
    if method not in row.hook.methods:
        allowed = ", ".join(row.hook.methods)
        raise Refusal(
            status=405,
            code="method-not-allowed",
            title="Not by this method",
            detail=f"This webhook takes {allowed}. Nothing was recorded.",
            allow=row.hook.methods,
        )


async def deliver(client: Client, row: HookRow, request: WebhookRequest) -> Taken:
    """Record a request and say what is answered. Raises `Refusal`; nothing was recorded then."""
    once = _once(request)
    if once is None:
        # With a key it may be a repetition, which has its answer for as long as the run is known.
        check_open(client, row)
    check_method(row, request.method)
    typed = row.hook.schema is not None
    response = read_response(row.hook.response)
    receipt_id, repeated = hook_door.new_receipt_id(client), False
    try:
        receipt = await hook_door.send(
            client,
            row.hook.token,
            _json_of(request.body)
            if typed
            else _kept(request, None if response else (row.run_id, receipt_id)),
            idempotency_id=once,
            as_json=typed,
            channel=Channel.WEBHOOK,
            receipt_id=receipt_id,
        )
        receipt_id, repeated = receipt.receipt_id, receipt.duplicate
    except IdempotencyMismatch as error:
        first = None if typed else _same_body(error.known, request)
        if first is None:
            raise _refusal(error) from error
        receipt_id, repeated = first, True
    except WfcError as error:
        raise _refusal(error) from error
    return Taken(response=response, run_id=row.run_id, receipt_id=receipt_id, repeated=repeated)


async def answer_to(client: Client, taken: Taken, patience_s: float) -> Response:
    """Give what a sender is answered, waiting for a step if one is to say it. Raises `Refusal`."""
    if taken.response is not None:
        return taken.response
    found = await webhook_replies.wait(client.world, taken.run_id, taken.receipt_id, patience_s)
    answer = None if found is None else read_response(found)
    if answer is None:
        raise Refusal(
            status=504,
            code="no-answer-yet",
            title="There is no answer yet",
            detail=f"The request is recorded as {taken.receipt_id}. To ask for its answer again, "
            "repeat it with the same `Idempotency-Key`.",
        )
    return answer


def _kept(request: WebhookRequest, reply_to: tuple[str, str] | None) -> WebhookRequest:
    headers = {name: value for name, value in request.headers.items() if name not in _SECRETS}
    return replace(request, headers=headers, reply_to=reply_to)


def _same_body(known: object, request: WebhookRequest) -> str | None:
    """Give the receipt of what was recorded under the key if it says the same.

    Times and signatures among the headers are others at each try of a sender.
    """
    assert isinstance(known, HookReceived)
    first = codec.decode(known.payload, annotation=WebhookRequest)
    same = (first.method, first.body) == (request.method, request.body)
    return known.receipt_id if same else None


def _json_of(body: bytes) -> Any:
    """Read a body. Raises `Refusal`."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        text = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise _misfit((("", f"this is no JSON: {text}"),)) from None


def _no_constant(word: str) -> Any:
    raise json.JSONDecodeError(f"{word} is no value of JSON", word, 0)


def _once(request: WebhookRequest) -> str | None:
    found = next((request.headers[name] for name in _ONCE if name in request.headers), None)
    if found is not None and not _ONCE_FORM.fullmatch(found):
        raise Refusal(
            status=400,
            code="bad-request",
            title="The idempotency key cannot be used",
            detail="It has 1 to 200 visible ASCII characters. Nothing was recorded.",
        )
    return found


# --- refusing ------------------------------------------------------------------------------------


def too_large() -> Refusal:
    """Say how much a body may hold."""
    return Refusal(
        status=413,
        code="too-large",
        title="The body is too large",
        detail=f"A webhook takes bodies of up to {BODY_MAX:,} bytes. Nothing was recorded.",
    )


def unknown() -> Refusal:
    """Give one answer for what never was and what is no webhook: nobody learns which tokens there
    are.
    """
    return Refusal(
        status=404,
        code="no-such-webhook",
        title="There is no such webhook",
        detail="The address is mistyped, or it was closed some time ago. Nothing was recorded.",
    )


def _closed() -> Refusal:
    return Refusal(
        status=410,
        code="hook-disposed",
        title="The webhook is closed",
        detail="It takes nothing any more. Nothing was recorded.",
    )


def _misfit(problems: tuple[tuple[str, str], ...]) -> Refusal:
    return Refusal(
        status=422,
        code="invalid-payload",
        title="The body does not fit",
        detail="It is not what this webhook takes. Nothing was recorded.",
        errors=problems,
    )


def _full(title: str, detail: str) -> Refusal:
    return Refusal(status=507, code="disk-full", title=title, detail=detail)


def _refusal(error: WfcError) -> Refusal:  # noqa: PLR0911 - one for each way to fail
    """Say in the words of HTTP why nothing was recorded."""
    match error:
        case HookNotFound():
            return unknown()
        case HookClosed():
            return _closed()
        case HookPayloadInvalid():
            return _misfit(error.problems or (("", "it does not fit"),))
        case PayloadTooLarge():
            return too_large()
        case CodecError():
            return _misfit((("", str(error).partition("\n")[0]),))
        case IdempotencyMismatch():
            return Refusal(
                status=422,
                code="key-reused",
                title="The idempotency key was used before",
                detail="Another body came with it. Nothing was recorded.",
            )
        case WorldFull():
            return _full("The disk is full", "Nothing was recorded. Send it again later.")
        case RunLogFull():
            return _full("The run's log is full", "Nothing was recorded, nor will be.")
        case SchemaUnavailable():
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
