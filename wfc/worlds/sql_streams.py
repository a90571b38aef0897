"""The streams of a world with tables: chunks with dense indexes, and what the end of a run does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from wfc import codec, fault
from wfc.errors import StreamClosed
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId
from wfc.worlds import chunks, sql_leases, sql_runs
from wfc.worlds.chunks import ChunkRow, Closed, CopiedStreams, Form, NewChunk, StreamWrite, Written
from wfc.worlds.feed import stream_topic
from wfc.worlds.protocol import AttemptOf, Owner, Refusal, Refused, StreamRow
from wfc.worlds.sql_outside import upgrades_of
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.vault import Vault, missing, veiled_or

HEAD: Final = """
SELECT runs.ended_at IS NOT NULL, streams.length, streams.closed FROM runs
LEFT JOIN streams ON streams.run_id = runs.run_id AND streams.namespace = :namespace
WHERE runs.run_id = :run_id
"""
LISTED: Final = (
    "SELECT namespace, length, size, closed, created_at FROM streams"
    " WHERE run_id = ? ORDER BY namespace"
)
_COLUMNS: Final = (
    "number, form, body, recorded_at, operation_id, attempt, writer, key, sealed_under"
)
PAGE: Final = f"""
WITH found AS (SELECT stream FROM streams WHERE run_id = :run_id AND namespace = :namespace)
SELECT {_COLUMNS} FROM chunks WHERE stream = (SELECT stream FROM found)
AND number >= :start AND number < :end AND at < :bytes + (
    SELECT at FROM chunks WHERE stream = (SELECT stream FROM found) AND number = :start
) ORDER BY number
"""  # noqa: S608 - fixed names
_INSERT: Final = """
INSERT INTO chunks (stream, number, form, at, recorded_at, operation_id, attempt, writer, key,
    sealed_under, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT: Final = """
SELECT stream, namespace, length, size, closed, recorded_at, closed_by FROM streams
WHERE run_id = ? AND namespace = ?
"""
_EPILOGUES: Final = """
SELECT namespace, epilogue, sealed_under FROM streams
WHERE run_id = ? AND closed = 0 AND epilogue IS NOT NULL ORDER BY namespace
"""
_PARENT: Final = "SELECT parent_id FROM runs WHERE run_id = ?"
# One that has failed may be revived, and its steps write anew then.
_FORGET_ENDED: Final = """
DELETE FROM stream_writers WHERE run_id = ? AND NOT EXISTS (
    SELECT 1 FROM runs WHERE runs.run_id = stream_writers.writer
        AND (runs.ended_at IS NULL OR runs.status = 'failed'))
"""
_EPILOGUE: Final = "an epilogue"


@dataclass(slots=True)
class _Stream:
    """The head of a stream, as it will be written back."""

    stream: int
    namespace: str
    length: int
    size: int
    closed: int
    recorded_at: int
    closed_by: str | None


@dataclass(frozen=True, slots=True)
class _Row:
    """A chunk on its way into the table."""

    form: int
    body: bytes
    operation_id: OperationId | None = None
    attempt: int = 0
    writer: RunId | None = None
    key: str | None = None


# --- writing -------------------------------------------------------------------------------------


def write(
    transaction: Transaction,
    run_id: RunId,
    wanted: StreamWrite,
    guard: Owner | AttemptOf,
    writer: RunId,
) -> Written | Refused:
    """Write to a stream if the writer may. Raises `StreamTooLarge`."""
    fault.point("chunks.writing")
    by = sql_runs.load(transaction.connection, writer)
    run = by if writer == run_id else sql_runs.load(transaction.connection, run_id)
    if by is None or run is None:
        return Refused(reason=Refusal.MISSING)
    if by.over:
        return Refused(reason=Refusal.OVER)
    wanted, guard = _presently(transaction, by, wanted, guard)
    reason = _refusal(transaction, by, guard)
    if reason is not None:
        return Refused(reason=reason)
    length = None if run.over else put(transaction, run_id, wanted, writer)
    if length is None:
        return Refused(reason=Refusal.CLOSED)
    return Written(length)


def _presently(
    transaction: Transaction, by: RunRow, wanted: StreamWrite, guard: Owner | AttemptOf
) -> tuple[StreamWrite, Owner | AttemptOf]:
    """Call the step what it is called since the run was moved to other code."""
    if isinstance(guard, Owner):
        return wanted, guard
    name = Renames(upgrades_of(transaction, by)).operation(guard.operation_id)
    step = wanted.step
    if step is not None:
        wanted = replace(wanted, step=replace(step, operation_id=name))
    return wanted, replace(guard, operation_id=name)


def _refusal(transaction: Transaction, by: RunRow, guard: Owner | AttemptOf) -> Refusal | None:
    if isinstance(guard, AttemptOf):
        return sql_leases.attempt_refusal(transaction, by.run_id, guard.operation_id, guard.fence)
    return None if by.owner is not None and by.fence == guard.fence else Refusal.FENCED


def write_all(transaction: Transaction, run_id: RunId, writes: Iterable[StreamWrite]) -> None:
    """Write what an append brings for streams. Raises `StreamClosed`, `StreamTooLarge`."""
    for wanted in writes:
        if put(transaction, run_id, wanted, run_id) is None:
            raise StreamClosed(
                f"the stream {wanted.namespace!r} of run {run_id} is closed; nothing was written"
            )


def put(transaction: Transaction, run_id: RunId, wanted: StreamWrite, writer: RunId) -> int | None:
    """Write to a stream of an open run; give its length, or None if it is closed."""
    stream = _found_or_made(transaction, run_id, wanted.namespace)
    new = _unknown(transaction, stream, wanted.chunks)
    if chunks.is_left_out(wanted, stream.closed, stream.length, stream.size, new):
        return stream.length
    closer = chunks.closer_of(wanted, run_id, writer)
    if stream.closed and chunks.opens_again(wanted, stream.closed_by, closer):
        transaction.execute("UPDATE streams SET closed = 0 WHERE stream = ?", (stream.stream,))
    elif stream.closed:
        return None if new else stream.length
    step = wanted.step
    if step is not None and step.begins:
        place = run_id, wanted.namespace, writer, step.operation_id
        reset = _begin(transaction, place, stream.length)
        new = new if reset is None else [reset, *new]
    chunks.check_sizes(run_id, wanted.namespace, stream.length, stream.size, new)
    _insert(transaction, run_id, stream, [_row(one, wanted, run_id, writer) for one in new])
    if wanted.epilogue is not None:
        _keep_epilogue(transaction, run_id, wanted)
    if wanted.close:
        transaction.execute(
            "UPDATE streams SET closed = ?, closed_by = ? WHERE stream = ?",
            (Closed.BY_WRITER, closer, stream.stream),
        )
    transaction.news.add(stream_topic(run_id))
    return stream.length


def _found_or_made(transaction: Transaction, run_id: RunId, namespace: str) -> _Stream:
    for _ in range(2):
        found = transaction.execute(_SELECT, (run_id, namespace)).fetchone()
        if found is not None:
            break
        transaction.execute(
            "INSERT INTO streams (run_id, namespace, length, size, closed, created_at, recorded_at)"
            " VALUES (?, ?, 0, 0, 0, ?, ?)",
            (run_id, namespace, transaction.now_us, transaction.now_us),
        )
    return _Stream(*found)


def _unknown(transaction: Transaction, stream: _Stream, new: Iterable[NewChunk]) -> list[NewChunk]:
    """Leave out the chunks whose key the stream knows, or that come twice."""
    unknown: list[NewChunk] = []
    seen: set[str] = set()
    for one in new:
        if one.key is not None:
            known = transaction.execute(
                "SELECT 1 FROM chunks WHERE stream = ? AND key = ?", (stream.stream, one.key)
            ).fetchone()
            if known is not None or one.key in seen:
                continue
            seen.add(one.key)
        unknown.append(one)
    return unknown


def _begin(
    transaction: Transaction, place: tuple[RunId, str, RunId, OperationId], length: int
) -> NewChunk | None:
    """Note that a body begins to write; give the reset chunk if its step wrote here before."""
    found = transaction.execute(
        "SELECT from_number FROM stream_writers"
        " WHERE run_id = ? AND namespace = ? AND writer = ? AND operation_id = ?",
        place,
    ).fetchone()
    if found is not None:
        return chunks.reset_of(found[0])
    transaction.execute(
        "INSERT INTO stream_writers (run_id, namespace, writer, operation_id, from_number)"
        " VALUES (?, ?, ?, ?, ?)",
        (*place, length),
    )
    return None


def forget_writers(transaction: Transaction, run: RunRow) -> None:
    """Forget which steps of chapters that are over, and of children that have come to their end,
    have written: none of them writes again, and an endless run would have more of them each turn.
    """
    above: list[str] = [run.run_id]
    parent = run.parent_id
    while parent is not None:  # whose streams the run may have been given
        above.append(parent)
        found = transaction.execute(_PARENT, (parent,)).fetchone()
        parent = None if found is None else found[0]
    for run_id in above:
        transaction.execute(
            "DELETE FROM stream_writers WHERE run_id = ? AND writer = ?", (run_id, run.run_id)
        )
    transaction.execute(_FORGET_ENDED, (run.run_id,))


def _row(new: NewChunk, wanted: StreamWrite, run_id: RunId, writer: RunId) -> _Row:
    step = wanted.step
    return _Row(
        new.form,
        new.body,
        None if step is None else step.operation_id,
        0 if step is None else step.attempt,
        None if writer == run_id else writer,
        new.key,
    )


def _insert(transaction: Transaction, run_id: RunId, stream: _Stream, rows: list[_Row]) -> None:
    if not rows:
        return
    at = stream.recorded_at = max(stream.recorded_at, transaction.now_us)
    vault = transaction.vault
    sealed_under = None if vault is None else vault.writes_under
    written: list[tuple[Any, ...]] = []
    for row in rows:
        body = row.body
        if vault is not None:
            body = vault.seal(run_id, _place(stream.namespace, stream.length), body)
        written.append(
            (
                stream.stream, stream.length, row.form, stream.size, at, row.operation_id,
                row.attempt, row.writer, row.key, sealed_under, body,
            )
        )  # fmt: skip
        stream.length, stream.size = stream.length + 1, stream.size + len(row.body)
    transaction.connection.executemany(_INSERT, written)
    transaction.execute(
        "UPDATE streams SET length = ?, size = ?, recorded_at = ? WHERE stream = ?",
        (stream.length, stream.size, at, stream.stream),
    )
    fault.point("chunks.written")


def _place(namespace: str, number: int) -> str:
    return f"chunk {number} of the stream {namespace!r}"


# --- the end of the run --------------------------------------------------------------------------


def _keep_epilogue(transaction: Transaction, run_id: RunId, wanted: StreamWrite) -> None:
    data, vault = chunks.epilogue_bytes(wanted.epilogue or {}), transaction.vault
    if vault is not None:
        data = vault.seal(run_id, _EPILOGUE, data)
    transaction.execute(
        "UPDATE streams SET epilogue = ?, sealed_under = ? WHERE run_id = ? AND namespace = ?",
        (data, None if vault is None else vault.writes_under, run_id, wanted.namespace),
    )


def close_all(transaction: Transaction, run_id: RunId, status: RunStatus) -> None:
    """Close the streams of a run that ends, each behind its epilogue."""
    for namespace, data, key_id in transaction.execute(_EPILOGUES, (run_id,)).fetchall():
        opened = _opened(transaction.vault, run_id, _EPILOGUE, data, key_id)
        last = chunks.epilogue_of(opened).get(status, ())
        stream = _found_or_made(transaction, run_id, namespace)
        new = _unknown(transaction, stream, last)
        _insert(transaction, run_id, stream, [_Row(one.form, one.body, key=one.key) for one in new])
    transaction.execute(
        "UPDATE streams SET closed = ? WHERE run_id = ? AND closed = ?",
        (Closed.BY_END, run_id, Closed.OPEN),
    )
    transaction.news.add(stream_topic(run_id))  # also for who waits for a stream to begin


def reopen_all(transaction: Transaction, run_id: RunId) -> None:
    """Take back that the end of a run closed its streams."""
    transaction.execute(
        "UPDATE streams SET closed = ? WHERE run_id = ? AND closed = ?",
        (Closed.OPEN, run_id, Closed.BY_END),
    )


# --- copies --------------------------------------------------------------------------------------


def copy(transaction: Transaction, run_id: RunId, copied: CopiedStreams) -> None:
    """Take along what the copied steps of another run wrote to its streams."""
    streams = transaction.execute(
        "SELECT stream, namespace, closed, closed_by, epilogue, sealed_under FROM streams"
        " WHERE run_id = ?",
        (copied.run_id,),
    ).fetchall()
    for number, namespace, closed, closed_by, epilogue, key_id in streams:
        rows = transaction.execute(
            f"SELECT {_COLUMNS} FROM chunks WHERE stream = ? ORDER BY number",  # noqa: S608 - fixed names
            (number,),
        ).fetchall()
        keys = {row[0]: row[7] for row in rows}
        opened = [row_of(copied.run_id, namespace, row, transaction.vault) for row in rows]
        kept = chunks.last_attempts(opened, copied)
        stream = _found_or_made(transaction, run_id, namespace)
        _insert(
            transaction,
            run_id,
            stream,
            [
                _Row(one.form, one.body, one.operation_id, one.attempt, one.writer, keys[one.index])
                for one in kept
            ],
        )
        if epilogue is not None:
            data = _opened(transaction.vault, copied.run_id, _EPILOGUE, epilogue, key_id)
            ends = chunks.epilogue_of(data)
            _keep_epilogue(transaction, run_id, StreamWrite(namespace=namespace, epilogue=ends))
        if closed == Closed.BY_WRITER and closed_by in copied.steps:
            transaction.execute(
                "UPDATE streams SET closed = ?, closed_by = ? WHERE stream = ?",
                (closed, closed_by, stream.stream),
            )


# --- reading -------------------------------------------------------------------------------------


def row_of(run_id: RunId, namespace: str, values: tuple[Any, ...], vault: Vault | None) -> ChunkRow:
    """Make a chunk of a row. Raises `CannotDecrypt`."""
    number, form, body, recorded_at, operation_id, attempt, writer, _, key_id = values
    return ChunkRow(
        index=number,
        form=Form(form),
        body=_opened(vault, run_id, _place(namespace, number), body, key_id),
        recorded_at=recorded_at,
        operation_id=None if operation_id is None else OperationId(operation_id),
        attempt=attempt,
        writer=None if writer is None else RunId(writer),
    )


def veiled_row(
    run_id: RunId, namespace: str, values: tuple[Any, ...], vault: Vault | None
) -> ChunkRow:
    """Do as `row_of`, but let `codec.ENCRYPTED` stand for a chunk that no key here opens."""
    number, _, _, recorded_at, operation_id, attempt, writer, _, key_id = values

    def veil() -> ChunkRow:
        return ChunkRow(
            index=number,
            form=Form.VALUE,
            body=codec.ENCRYPTED,
            recorded_at=recorded_at,
            operation_id=None if operation_id is None else OperationId(operation_id),
            attempt=attempt,
            writer=None if writer is None else RunId(writer),
        )

    return veiled_or(lambda: row_of(run_id, namespace, values, vault), veil, vault, key_id)


def listed(values: tuple[Any, ...]) -> StreamRow:
    """Make a stream of a row of `LISTED`."""
    namespace, length, size, closed, created_at = values
    return StreamRow(
        namespace=namespace, length=length, size=size, closed=closed != 0, created_at=created_at
    )


def _opened(
    vault: Vault | None, run_id: RunId, place: str, data: bytes, key_id: str | None
) -> bytes:
    if key_id is None:
        return data
    if vault is None:
        raise missing(run_id, key_id)
    return vault.open(run_id, place, data, key_id)
