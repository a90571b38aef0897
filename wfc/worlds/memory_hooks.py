"""The hooks of a world in memory: who has which token, and what readers ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wfc.errors import HookConflictError
from wfc.eventlog.entity import Hook, HookStatus
from wfc.eventlog.event import Event, HookConflicted, HookCreated, HookKind, RunUpgraded
from wfc.eventlog.standing import ACTIVE, CONFLICTED, DISPOSED
from wfc.ids import OperationId
from wfc.worlds import rules
from wfc.worlds.memory_tables import HookEntry, RunRow, Tables
from wfc.worlds.protocol import HookFilter, HookPage, HookRow

_STATUSES: Final = {
    ACTIVE: HookStatus.ACTIVE,
    DISPOSED: HookStatus.DISPOSED,
    CONFLICTED: HookStatus.CONFLICTED,
}


# --- what events change --------------------------------------------------------------------------


def create(tables: Tables, run: RunRow, event: HookCreated | HookConflicted, at: int) -> Event:
    """Give a hook its token, or say who has it; the answer is the event as it is written."""
    holder = holder_of(tables, event.token) if isinstance(event, HookCreated) else None
    if holder is not None and rules.hands_on((holder.run_id, holder.name), run.run_id, run.chapter):
        dispose([holder], at)
        holder.reserved_until = None
    elif holder is not None:
        event = HookConflicted(
            operation_id=event.operation_id, token=event.token, owner_run_id=holder.run_id
        )
    entry = HookEntry(
        run_id=run.run_id,
        name=event.operation_id,
        event=event,
        status=ACTIVE if isinstance(event, HookCreated) else CONFLICTED,
        created_at=at,
    )
    run.hooks[entry.name] = entry
    tables.tokens.setdefault(event.token, []).append(entry)
    return event


def dispose(entries: Iterable[HookEntry], at: int) -> None:
    """End hooks; a retention begins now."""
    for entry in entries:
        if entry.status == ACTIVE:
            entry.status, entry.disposed_at = DISPOSED, at
            retention_s = getattr(entry.event, "retention_s", None)
            entry.reserved_until = rules.reserved_until(at, retention_s)


def forget(tables: Tables, run: RunRow, name: OperationId) -> None:
    """Forget a hook."""
    entry = run.hooks.pop(name, None)
    if entry is not None:
        tables.tokens[entry.event.token].remove(entry)
        if not tables.tokens[entry.event.token]:
            del tables.tokens[entry.event.token]


def forget_chapters(tables: Tables, run: RunRow, at: int) -> None:
    """Forget what became of the hooks of chapters before the one that ends now.

    Else an endless run would have ever more of them. Those of the last one stay: a sender that
    repeats itself is told what became of the first time.
    """
    for entry in list(run.hooks.values()):
        kept = entry.reserved_until is not None and entry.reserved_until > at
        if entry.status != ACTIVE and not kept and rules.chapter_of(entry.name) < run.chapter:
            forget(tables, run, entry.name)


def reopen(run: RunRow, name: OperationId) -> bool:
    """Take the end of a hook back; False if there is no such hook."""
    entry = run.hooks.get(name)
    if entry is None or entry.status == CONFLICTED:
        return False
    entry.status, entry.disposed_at, entry.reserved_until = ACTIVE, None, None
    return True


def check_reopened(tables: Tables, run: RunRow, events: Sequence[Event]) -> None:
    """See that the hooks an upgrade retracts can have their tokens back.

    Raises `HookConflictError`.
    """
    retracted = [name for one in events if isinstance(one, RunUpgraded) for name in one.retracted]
    for name in retracted:
        entry = run.hooks.get(name)
        holder = None if entry is None else holder_of(tables, entry.event.token)
        if entry is not None and holder is not None and holder is not entry:
            raise HookConflictError(entry.event.token, holder.run_id)


def holder_of(tables: Tables, token: str) -> HookEntry | None:
    """Give the hook that has a token, or that keeps it from others."""
    return active_hook(tables, token) or next(
        (
            one
            for one in tables.tokens.get(token, ())
            if one.reserved_until is not None and one.reserved_until > tables.now_us()
        ),
        None,
    )


def active_hook(tables: Tables, token: str) -> HookEntry | None:
    """Give the active hook that has a token."""
    return next((one for one in tables.tokens.get(token, ()) if one.status == ACTIVE), None)


def takes(tables: Tables, run: RunRow, token: str, event: Event) -> bool:
    """Tell whether an event is about the active hook of `run` that has this token."""
    hook = active_hook(tables, token)
    name = getattr(event, "operation_id", None)
    return hook is not None and (hook.run_id, hook.name) == (run.run_id, name)


# --- what readers ask ----------------------------------------------------------------------------


def by_token(tables: Tables, token: str) -> HookRow | None:
    """Give the hook that has a token: the active one, else the last that had it."""
    found = active_hook(tables, token)
    if found is None:
        former = [one for one in reversed(tables.tokens.get(token, ())) if one.status == DISPOSED]
        found = max(former, key=lambda one: one.disposed_at or 0, default=None)
    return None if found is None else _row(tables, found)


def list_hooks(tables: Tables, where: HookFilter, cursor: str | None, limit: int) -> HookPage:
    """List hooks, newest first."""
    rules.check_page(limit)
    found = [_row(tables, one) for run in tables.runs.values() for one in run.hooks.values()]
    found = sorted((one for one in found if _matches(one, where)), key=rules.place_of, reverse=True)
    if cursor is not None:
        place = rules.read_hook_cursor(where, cursor)
        found = [one for one in found if rules.place_of(one) < place]
    page = tuple(found[:limit])
    more = rules.write_hook_cursor(where, page[-1]) if len(found) > limit else None
    return HookPage(hooks=page, next=more)


def _matches(one: HookRow, where: HookFilter) -> bool:
    return (
        where.run_id in {None, one.run_id}
        and where.token in {None, one.hook.token}
        and where.hook_id in {None, one.hook.hook_id}
        and where.kind in {None, one.hook.kind}
        and (not where.statuses or one.hook.status in where.statuses)
    )


def _row(tables: Tables, entry: HookEntry) -> HookRow:
    event = entry.event
    return HookRow(
        run_id=entry.run_id,
        workflow=tables.runs[entry.run_id].workflow,
        hook=Hook(
            operation_id=entry.name,
            hook_id=event.hook_id if isinstance(event, HookCreated) else "",
            token=event.token,
            status=_STATUSES[entry.status],
            received=entry.received,
            kind=event.kind if isinstance(event, HookCreated) else HookKind.HOOK,
            schema=event.schema if isinstance(event, HookCreated) else None,
            metadata=event.metadata if isinstance(event, HookCreated) else None,
            created_at=entry.created_at,
            disposed_at=entry.disposed_at,
            methods=getattr(event, "methods", ()),
            response=getattr(event, "response", None),
        ),
        reserved_until=entry.reserved_until,
    )
