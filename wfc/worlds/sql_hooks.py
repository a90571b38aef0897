"""The hooks of a world with tables: who has which token, and what readers ask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wfc.clock import MICROSECONDS
from wfc.errors import CorruptEvent, HookConflictError, LogError
from wfc.eventlog.entity import Hook, HookStatus
from wfc.eventlog.event import Event, HookConflicted, HookCreated, HookKind, RunUpgraded
from wfc.ids import DefinitionId, OperationId, RunId
from wfc.worlds import rules, sql_events
from wfc.worlds.feed import HOOKS
from wfc.worlds.protocol import HookFilter, HookRow
from wfc.worlds.rules import HookPlace
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.vault import Vault

_PUT: Final = """
INSERT INTO hooks (run_id, operation_id, hook_id, token_digest, status, position, kind,
created_at, retention_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, operation_id) DO UPDATE SET hook_id = excluded.hook_id,
token_digest = excluded.token_digest, status = excluded.status, position = excluded.position,
kind = excluded.kind, created_at = excluded.created_at, retention_us = excluded.retention_us,
received = 0, disposed_at = NULL, reserved_until = NULL
"""
_DISPOSE: Final = """
UPDATE hooks SET status = 'disposed', disposed_at = :at, reserved_until = :at + retention_us
WHERE run_id = :run_id AND status = 'active'
"""
_ENDED: Final = """
SELECT operation_id FROM hooks
WHERE run_id = ? AND status != 'active' AND (reserved_until IS NULL OR reserved_until <= ?)
"""
_HAND_ON: Final = """
UPDATE hooks SET status = 'disposed', disposed_at = coalesce(disposed_at, ?), reserved_until = NULL
WHERE run_id = ? AND operation_id = ?
"""
_HOLDER: Final = """
SELECT run_id, operation_id FROM hooks WHERE token_digest = ?
AND (status = 'active' OR (status = 'disposed' AND reserved_until > ?))
ORDER BY status = 'active' DESC
"""
_SELECT: Final = """
SELECT hooks.run_id, hooks.operation_id, hooks.hook_id, hooks.status, hooks.received, hooks.kind,
hooks.created_at, hooks.disposed_at, hooks.reserved_until, runs.workflow,
events.position, events.body, events.blobs, events.code
FROM hooks JOIN runs ON runs.run_id = hooks.run_id
JOIN events ON events.run_id = hooks.run_id AND events.position = hooks.position
"""
BY_TOKEN: Final = f"""{_SELECT}
WHERE hooks.token_digest = ? AND hooks.status != 'conflicted'
ORDER BY hooks.status = 'active' DESC, hooks.disposed_at DESC, hooks.created_at DESC,
hooks.position DESC LIMIT 1
"""
_OWN: Final = 10
Statement = tuple[str, dict[str, object]]


def digest_of(token: str) -> bytes:
    """Give what stands for a token in the table."""
    return hashlib.sha256(token.encode()).digest()


# --- what events change --------------------------------------------------------------------------


def create(transaction: Transaction, run: RunRow, event: HookCreated, at: int) -> Event:
    """Give a hook its token, or say who has it; the answer is the event as it is written."""
    holder = _holder_of(transaction, digest_of(event.token))
    written: HookCreated | HookConflicted = event
    if holder is not None and rules.hands_on(holder, run.run_id, run.chapter):
        transaction.execute(_HAND_ON, (at, *holder))
    elif holder is not None:
        written = HookConflicted(
            operation_id=event.operation_id, token=event.token, owner_run_id=holder[0]
        )
    put(transaction, run, written, at)
    return written


def put(
    transaction: Transaction, run: RunRow, event: HookCreated | HookConflicted, at: int
) -> None:
    """Make the row of a hook."""
    hook_id, status, kind, retention_us = "", "conflicted", HookKind.HOOK, None
    if isinstance(event, HookCreated):
        hook_id, status, kind = event.hook_id, "active", event.kind
        if event.retention_s is not None:
            retention_us = round(event.retention_s * MICROSECONDS)
    transaction.execute(
        _PUT,
        (
            run.run_id, event.operation_id, hook_id, digest_of(event.token), status,
            run.length + 1, kind.value, at, retention_us,
        ),
    )  # fmt: skip
    transaction.news.add(HOOKS)


def count(transaction: Transaction, run: RunRow, name: OperationId) -> None:
    """Count a payload."""
    transaction.execute(
        "UPDATE hooks SET received = received + 1 WHERE run_id = ? AND operation_id = ?",
        (run.run_id, name),
    )


def dispose(
    transaction: Transaction, run: RunRow, at: int, name: OperationId | None = None
) -> None:
    """End a hook of a run, or all of them; a retention begins now."""
    only = "" if name is None else " AND operation_id = :name"
    values = {"at": at, "run_id": run.run_id, "name": name}
    if transaction.execute(_DISPOSE + only, values).rowcount:
        transaction.news.add(HOOKS)


def forget_chapters(transaction: Transaction, run: RunRow, at: int) -> None:
    """Forget what became of the hooks of chapters before the one that ends now.

    Else an endless run would have ever more of them. Those of the last one stay: a sender that
    repeats itself is told what became of the first time.
    """
    found = transaction.execute(_ENDED, (run.run_id, at)).fetchall()
    former = [(run.run_id, name) for (name,) in found if rules.chapter_of(name) < run.chapter]
    for place in former:
        transaction.execute("DELETE FROM hooks WHERE run_id = ? AND operation_id = ?", place)


def reopen(transaction: Transaction, run: RunRow, name: OperationId) -> bool:
    """Take the end of a hook back; False if there is no such hook."""
    changed = transaction.execute(
        "UPDATE hooks SET status = 'active', disposed_at = NULL, reserved_until = NULL"
        " WHERE run_id = ? AND operation_id = ? AND status != 'conflicted'",
        (run.run_id, name),
    ).rowcount
    transaction.news.add(HOOKS)
    return changed > 0


def check_reopened(transaction: Transaction, run_id: RunId, events: Sequence[Event]) -> None:
    """See that the hooks an upgrade retracts can have their tokens back.

    Raises `HookConflictError`.
    """
    retracted = [name for one in events if isinstance(one, RunUpgraded) for name in one.retracted]
    for name in retracted:
        found = transaction.execute(
            "SELECT token_digest, position FROM hooks WHERE run_id = ? AND operation_id = ?",
            (run_id, name),
        ).fetchone()
        holder = None if found is None else _holder_of(transaction, found[0])
        if holder is not None and holder != (run_id, name):
            (made,) = sql_events.read_history(transaction, run_id, found[1] - 1, 1)
            raise HookConflictError(getattr(made.event, "token", ""), holder[0])


def is_taken(transaction: Transaction, token: str) -> bool:
    """Tell whether a hook has this token, or keeps it from others."""
    transaction.lock(f"token {digest_of(token).hex()}")  # or two could find it free
    return _holder_of(transaction, digest_of(token)) is not None


def _holder_of(transaction: Transaction, digest: bytes) -> tuple[RunId, OperationId] | None:
    found: tuple[RunId, OperationId] | None = transaction.execute(
        _HOLDER, (digest, transaction.now_us)
    ).fetchone()
    return found


def active_hook(transaction: Transaction, token: str) -> tuple[RunId, OperationId] | None:
    """Give the run and the operation of the active hook that has a token."""
    found: tuple[RunId, OperationId] | None = transaction.execute(
        "SELECT run_id, operation_id FROM hooks WHERE token_digest = ? AND status = 'active'",
        (digest_of(token),),
    ).fetchone()
    return found


# --- what readers ask ----------------------------------------------------------------------------


def page_of(where: HookFilter, place: HookPlace | None, limit: int) -> Statement:
    """Make the statement that lists hooks, newest first."""
    conditions: list[str] = []
    values: dict[str, object] = {"limit": limit}
    wanted: dict[str, object] = {
        "run_id": where.run_id,
        "hook_id": where.hook_id,
        "token_digest": None if where.token is None else digest_of(where.token),
        "kind": where.kind,
    }
    for name, value in wanted.items():
        if value is not None:
            conditions.append(f"hooks.{name} = :{name}")
            values[name] = value
    if where.statuses:
        names = {f"status{number}": word for number, word in enumerate(sorted(where.statuses))}
        conditions.append(f"hooks.status IN ({', '.join(f':{name}' for name in names)})")
        values.update(names)
    if place is not None:
        conditions.append(
            "(hooks.created_at, hooks.run_id, hooks.operation_id) < (:at, :after, :name)"
        )
        values["at"], values["after"], values["name"] = place
    chosen = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = (
        "ORDER BY hooks.created_at DESC, hooks.run_id DESC, hooks.operation_id DESC LIMIT :limit"
    )
    return f"{_SELECT} {chosen} {order}", values


def blobs_of(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[bytes]]:
    """Give the blobs that rows of hooks need, by run."""
    needed: dict[str, list[bytes]] = {}
    for row in rows:
        position, body, blobs, code = row[_OWN:]
        digests = sql_events.blob_digests([(position, body, blobs, code)])
        needed.setdefault(row[0], []).extend(digests)
    return needed


def row_of(
    values: tuple[Any, ...], blobs: Mapping[bytes, bytes], vault: Vault | None = None
) -> HookRow:
    """Make the view of a hook. Raises `CorruptEvent`, `LogTooNew`, and `CannotDecrypt` for what
    does not open under its key.
    """
    run_id, (position, body, named, code) = RunId(values[0]), values[_OWN:]
    recorded = sql_events.veiled(run_id, (position, body, named, code), blobs, vault)
    event = recorded.event
    if not isinstance(event, HookCreated | HookConflicted):
        raise CorruptEvent(run_id, position, "it is not the hook that its row is about")
    return _view(values, event)


def listed(
    values: tuple[Any, ...], blobs: Mapping[bytes, bytes], vault: Vault | None = None
) -> HookRow:
    """Make the view of a hook in a list: a damaged one, whose token is lost, hides no other."""
    try:
        return row_of(values, blobs, vault)
    except LogError:
        return _view(values, None)


def _view(values: tuple[Any, ...], event: HookCreated | HookConflicted | None) -> HookRow:
    run_id, name, hook_id, status, received, kind, created_at, disposed_at, kept, workflow = values[
        :_OWN
    ]
    return HookRow(
        run_id=RunId(run_id),
        workflow=DefinitionId(workflow),
        hook=Hook(
            operation_id=OperationId(name),
            hook_id=hook_id,
            token="" if event is None else event.token,
            status=HookStatus(status),
            received=received,
            kind=HookKind(kind),
            schema=getattr(event, "schema", None),
            metadata=getattr(event, "metadata", None),
            created_at=created_at,
            disposed_at=disposed_at,
            methods=getattr(event, "methods", ()),
            response=getattr(event, "response", None),
        ),
        reserved_until=kept,
    )
