"""The door through which outside sends values to hooks, and looks for them.

A payload is judged before anything is written, and is on disk when its receipt is given. Everything
that decides who gets it is asked again by the world, in the transaction that writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from wfc import codec, fault, ids
from wfc.errors import (
    HookClosed,
    HookNotFound,
    IdempotencyMismatch,
    OptionInvalid,
    RunBusy,
    RunLogFull,
)
from wfc.eventlog import entity
from wfc.eventlog.entity import HookStatus
from wfc.eventlog.event import Channel, HookKind, HookReceived, Recorded, RunRestarted
from wfc.ids import RunId
from wfc.runtime.answers import HookSummary, Page, Receipt
from wfc.runtime.client import Client
from wfc.runtime.hook_schemas import read_schema
from wfc.runtime.hook_views import summary_of_row
from wfc.runtime.hooks import APPROVAL, Hook
from wfc.runtime.options import check_text
from wfc.runtime.run import client_worker_hears
from wfc.runtime.telemetry import observed
from wfc.worlds.protocol import Appended, HookFilter, HookRow, OpenHook, Refusal, World

Target = str | Hook[Any] | HookSummary
_TRIES: Final = 10
_FORMER_MAX: Final = 5
"""Of so many earlier holders of a token it is asked whether a repeated payload went to them."""
_PAGE: Final = 2000
_HAD: Final = frozenset({HookStatus.DISPOSED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What a caller sends; `as_json`: the payload was read from JSON."""

    payload: Any
    idempotency_id: str | None
    receipt_id: str
    as_json: bool
    channel: Channel


async def send(
    client: Client,
    target: Target,
    payload: Any,
    *,
    idempotency_id: str | None = None,
    as_json: bool = False,
    channel: Channel | None = None,
    receipt_id: str | None = None,
) -> Receipt:
    """Write a payload to the hook that has a token; it came by the client's channel, or this one.
    `receipt_id` is one of `new_receipt_id`, by default another one.

    Raises `HookNotFound`, `HookClosed`, `HookPayloadInvalid`, `SchemaUnavailable`, `RunLogFull`,
    `IdempotencyMismatch`; nothing is written then.
    """
    check_text("idempotency_id", idempotency_id)
    sent = _Sent(
        payload=payload,
        idempotency_id=idempotency_id,
        receipt_id=new_receipt_id(client) if receipt_id is None else receipt_id,
        as_json=as_json,
        channel=client.channel if channel is None else channel,
    )
    with observed(client.telemetry, "wfc.hook.resume") as span:
        receipt = await _send(client, target, sent)
        if span is not None:
            span.set_attribute("wfc.run.id", receipt.run_id)
        return receipt


async def _send(client: Client, target: Target, sent: _Sent) -> Receipt:
    for _ in range(_TRIES):
        row = await find(client.world, target)
        receipt = await _repeated(client, row, sent)
        if receipt is None and row.hook.status is HookStatus.ACTIVE:
            receipt = await _land(client, row, sent)
        elif receipt is None:
            raise _closed(client.world, row)
        if receipt is not None:
            return receipt
    raise RunBusy(f"the hook of run {row.run_id} changes hands too fast; try again")


def new_receipt_id(client: Client) -> str:
    """Name what is to be sent."""
    return f"rcpt_{ids.ulid(client.world.now_us(), os.urandom(10))}"


async def _land(client: Client, row: HookRow, sent: _Sent) -> Receipt | None:
    """Write to an active hook; None: it was disposed just now, look again."""
    await _check_log(client, row)
    fault.point("hook.sending")
    answer = await client.world.append(
        row.run_id, [_event(client, row, sent)], guard=OpenHook(row.hook.token)
    )
    fault.point("hook.sent")
    if isinstance(answer, Appended):
        client_worker_hears(client, row.run_id)
        return _receipt(row.run_id, answer.recorded[0], duplicate=False)
    if answer.reason is Refusal.DUPLICATE:
        return _receipt(row.run_id, answer.events[0], duplicate=True)
    return None


async def _repeated(client: Client, row: HookRow, sent: _Sent) -> Receipt | None:
    """Find out whether the same payload went to an earlier holder of the token.

    Nothing can be written to those any more, so to try is to ask.
    """
    if sent.idempotency_id is None:
        return None
    where = HookFilter(token=row.hook.token, statuses=_HAD)
    former = (await client.world.list_hooks(where, limit=_FORMER_MAX)).hooks
    mismatch: IdempotencyMismatch | None = None
    for one in former:
        try:
            answer = await client.world.append(
                one.run_id, [_event(client, one, sent)], guard=OpenHook(one.hook.token)
            )
        except IdempotencyMismatch as error:
            # It may be the present hook of the run that got it, and is asked next.
            asked_next = row.hook.status is HookStatus.ACTIVE and one.run_id == row.run_id
            mismatch = mismatch if asked_next else error
            continue
        assert not isinstance(answer, Appended)
        if answer.reason is Refusal.DUPLICATE:
            return _receipt(one.run_id, answer.events[0], duplicate=True)
    if mismatch is not None:
        raise mismatch
    return None


def _event(client: Client, row: HookRow, sent: _Sent) -> HookReceived:
    """Judge the payload and make the event that holds it."""
    # Without code a session may have stand-ins for types, that judge nothing.
    has_code = client.registry is not None
    schema = read_schema(row.hook.schema, client.types if has_code else codec.REGISTERED)
    value = schema.admit(sent.payload, as_json=sent.as_json)
    payload = codec.encode(
        value,
        path="the payload",
        annotation=schema.annotation,
        types=client.types if schema.has_type and has_code else None,
        limit=client.payload_max,
    )
    return HookReceived(
        operation_id=row.hook.operation_id,
        receipt_id=sent.receipt_id,
        payload=payload,
        actor=client.actor,
        channel=sent.channel,
        idempotency_id=sent.idempotency_id,
    )


async def _check_log(client: Client, row: HookRow) -> None:
    """See that the run's log has room, and that its end can be read here.

    Raises `RunLogFull`, `LogTooNew`, `CorruptEvent`.
    """
    run = await client.world.run(row.run_id)
    if run is None:
        return  # the append will tell
    await client.world.history(run.run_id, run.length - 1, 1)
    if run.length <= client.events_max:
        return
    length = run.length - await _opening_of(client.world, run)
    if length >= client.events_max:
        raise RunLogFull(
            f"the log of run {run.run_id} has {length} events in this chapter, and the limit is "
            f"{client.events_max} ([tool.wfc.limits] events), so nothing more can be sent to it. "
            "Nothing was written. Cancel the run, or start another."
        )


async def _opening_of(world: World, run: entity.Run) -> int:
    """Give the position at which the run's present chapter began."""
    if run.chapter == 1:
        return 1
    found, after = 1, 0
    while page := await world.history(run.run_id, after, _PAGE):
        after = page[-1].position
        found = max([found, *(one.position for one in page if isinstance(one.event, RunRestarted))])
    return found


def _receipt(run_id: RunId, recorded: Recorded, *, duplicate: bool) -> Receipt:
    event = recorded.event
    assert isinstance(event, HookReceived)
    return Receipt(
        run_id=run_id,
        receipt_id=event.receipt_id,
        position=recorded.position,
        duplicate=duplicate,
    )


# --- finding -------------------------------------------------------------------------------------


async def find(world: World, target: Target) -> HookRow:
    """Find a hook by token, or an approval by its id. Raises `HookNotFound`."""
    if not isinstance(target, str | Hook | HookSummary):
        raise OptionInvalid(
            f"{target!r} names no hook: give its token, the id of an approval, or the hook itself."
        )
    name = target if isinstance(target, str) else target.token
    found = await world.hook_by_token(name)
    if found is None and name.startswith(APPROVAL):
        where = HookFilter(hook_id=name, kind=HookKind.APPROVAL)
        found = next(iter((await world.list_hooks(where, limit=1)).hooks), None)
    if found is None:
        raise _unknown()
    return found


def _closed(world: World, row: HookRow) -> Exception:
    """Say why a hook that is not active takes nothing."""
    if row.reserved_until is None or row.reserved_until <= world.now_us():
        return _unknown()
    return HookClosed(
        f"the hook {row.hook.hook_id} of run {row.run_id} was disposed, and takes nothing any "
        "more. Nothing was written: the run has moved on."
    )


def _unknown() -> HookNotFound:
    # The token may be a secret that somebody has mistyped, so it is not repeated.
    return HookNotFound(
        "no hook has this token. It is mistyped, not made yet, or the hook was disposed and its "
        "token not kept. `wfc hooks` lists those that are active."
    )


async def list_page(
    client: Client,
    *,
    run: str | None,
    kind: HookKind | str | None,
    status: HookStatus | str | Iterable[HookStatus | str] | None,
    cursor: str | None,
    limit: int,
) -> Page[HookSummary]:
    """List hooks, newest first. Raises `OptionInvalid`, and `ConfigError` for a bad cursor."""
    check_text("run", run)
    words = () if status is None else [status] if isinstance(status, str) else status
    where = HookFilter(
        run_id=None if run is None else RunId(run),
        kind=None if kind is None else HookKind(_known("kind", kind, list(HookKind))),
        statuses=frozenset(_known("status", word, list(HookStatus)) for word in words),
    )
    page = await client.world.list_hooks(where, cursor=cursor, limit=limit)
    items = tuple(summary_of_row(row, client.types) for row in page.hooks)
    return Page(items=items, next=page.next)


def _known(name: str, word: object, words: list[Any]) -> str:
    if word not in words:
        raise OptionInvalid(f"{name}={word!r}: it is one of {', '.join(words)}.")
    return str(word)
