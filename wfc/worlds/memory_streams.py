"""The streams of a world in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wfc import fault
from wfc.errors import StreamClosed
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.renames import Renames
from wfc.ids import RunId
from wfc.worlds import chunks
from wfc.worlds.chunks import (
    PAGE_BYTES,
    ChunkPage,
    ChunkRow,
    Closed,
    CopiedStreams,
    NewChunk,
    StreamWrite,
    Written,
)
from wfc.worlds.memory_tables import RunRow, Stream, Tables, upgrades_of
from wfc.worlds.protocol import AttemptOf, NewRun, Owner, Refusal, Refused, StreamRow
from wfc.worlds.request import Request

# --- writing -------------------------------------------------------------------------------------


def write(
    tables: Tables,
    run_id: RunId,
    wanted: StreamWrite,
    guard: Owner | AttemptOf,
    writer: RunId,
) -> Written | Refused:
    """Write to a stream if the writer may. Raises `StreamTooLarge`."""
    fault.point("chunks.writing")
    by, run = tables.runs.get(writer), tables.runs.get(run_id)
    if by is None or run is None:
        return Refused(reason=Refusal.MISSING)
    if by.status.ended:
        return Refused(reason=Refusal.OVER)
    if isinstance(guard, AttemptOf):
        name = Renames(upgrades_of(by)).operation(guard.operation_id)
        step = wanted.step
        wanted = replace(wanted, step=step and replace(step, operation_id=name))
        guard = replace(guard, operation_id=name)
    reason = _refusal(tables, by, guard)
    if reason is not None:
        return Refused(reason=reason)
    if run.status.ended or not _takes(tables, run_id, wanted, writer):
        return Refused(reason=Refusal.CLOSED)
    length = put(tables, run_id, wanted, writer)
    fault.point("chunks.written")
    return Written(length)


def _refusal(tables: Tables, by: RunRow, guard: Owner | AttemptOf) -> Refusal | None:
    if isinstance(guard, Owner):
        return None if by.owner is not None and by.fence == guard.fence else Refusal.FENCED
    row = tables.attempts.get((by.run_id, guard.operation_id))
    if row is None or row.unwanted:
        return Refusal.MISSING
    return None if row.worker_id is not None and row.fence == guard.fence else Refusal.FENCED


def check_all(tables: Tables, run_id: RunId, writes: Iterable[StreamWrite]) -> None:
    """See that all can be written that an append brings for streams, before anything is.

    Raises `StreamClosed`, `StreamTooLarge`.
    """
    for wanted in writes:
        if wanted.spare:
            continue
        if not _takes(tables, run_id, wanted, run_id):
            raise StreamClosed(
                f"the stream {wanted.namespace!r} of run {run_id} is closed; nothing was written"
            )
        stream = tables.streams.get(run_id, {}).get(wanted.namespace)
        length, size = (0, 0) if stream is None else (len(stream.rows), stream.size)
        chunks.check_sizes(run_id, wanted.namespace, length, size, wanted.chunks)


def write_all(tables: Tables, request: Request) -> None:
    """Write what an append brings for streams, and what a copied log takes along."""
    if isinstance(request.guard, NewRun) and request.guard.streams is not None:
        copy(tables, request.run_id, request.guard.streams)
    for wanted in request.chunks:
        put(tables, request.run_id, wanted, request.run_id)


def _takes(tables: Tables, run_id: RunId, wanted: StreamWrite, writer: RunId) -> bool:
    stream = tables.streams.get(run_id, {}).get(wanted.namespace)
    if wanted.spare or stream is None or not stream.closed or not _unknown(stream, wanted.chunks):
        return True
    closer = chunks.closer_of(wanted, run_id, writer)
    return chunks.opens_again(wanted, stream.closed_by, closer)


def put(tables: Tables, run_id: RunId, wanted: StreamWrite, writer: RunId) -> int:
    """Write to a stream that is open, and give its length. Raises `StreamTooLarge`."""
    stream, step, now = _stream(tables, run_id, wanted), wanted.step, tables.now_us()
    new = _unknown(stream, wanted.chunks)
    if chunks.is_left_out(wanted, stream.closed, len(stream.rows), stream.size, new):
        return len(stream.rows)
    closer = chunks.closer_of(wanted, run_id, writer)
    if stream.closed and chunks.opens_again(wanted, stream.closed_by, closer):
        stream.closed = Closed.OPEN
    elif stream.closed:
        return len(stream.rows)
    place = None if step is None or not step.begins else (writer, step.operation_id)
    if place in stream.writers:
        new.insert(0, chunks.reset_of(stream.writers[place]))
    chunks.check_sizes(run_id, wanted.namespace, len(stream.rows), stream.size, new)
    tables.streams.of(run_id, wanted.namespace, now)
    tables.streams[run_id][wanted.namespace] = stream
    if place is not None:
        stream.writers.setdefault(place, len(stream.rows))
    template = ChunkRow(
        index=0,
        form=chunks.Form.RAW,
        body=b"",
        recorded_at=now,
        operation_id=None if step is None else step.operation_id,
        attempt=0 if step is None else step.attempt,
        writer=None if writer == run_id else writer,
    )
    _extend(stream, new, template)
    if wanted.epilogue is not None:
        stream.epilogue = dict(wanted.epilogue)
    if wanted.close:
        stream.closed = Closed.BY_WRITER
        stream.closed_by = closer
    return len(stream.rows)


def _stream(tables: Tables, run_id: RunId, wanted: StreamWrite) -> Stream:
    """Give a stream, not yet in the tables if it is new: what is refused must leave no trace."""
    found = tables.streams.get(run_id, {}).get(wanted.namespace)
    return found or Stream(namespace=wanted.namespace, created_at=tables.now_us())


def _unknown(stream: Stream, new: Sequence[NewChunk]) -> list[NewChunk]:
    """Leave out the chunks whose key the stream knows, or that come twice."""
    unknown: list[NewChunk] = []
    seen: set[str] = set()
    for one in new:
        if one.key is not None:
            if one.key in stream.keys or one.key in seen:
                continue
            seen.add(one.key)
        unknown.append(one)
    return unknown


def _extend(stream: Stream, new: Iterable[NewChunk], template: ChunkRow) -> None:
    at = max(template.recorded_at, stream.rows[-1].recorded_at if stream.rows else 0)
    for one in new:
        index = len(stream.rows)
        if one.key is not None:
            stream.keys[one.key] = index
        stream.rows.append(
            replace(template, index=index, form=one.form, body=one.body, recorded_at=at)
        )
        stream.size += len(one.body)


# --- what events change --------------------------------------------------------------------------


def close_all(tables: Tables, run_id: RunId, status: RunStatus) -> None:
    """Close the streams of a run that ends, each behind its epilogue."""
    for stream in tables.streams.get(run_id, {}).values():
        if stream.closed:
            continue
        template = ChunkRow(index=0, form=chunks.Form.RAW, body=b"", recorded_at=tables.now_us())
        _extend(stream, _unknown(stream, stream.epilogue.get(status, ())), template)
        stream.closed = Closed.BY_END


def reopen_all(tables: Tables, run_id: RunId) -> None:
    """Take back that the end of a run closed its streams."""
    for stream in tables.streams.get(run_id, {}).values():
        if stream.closed is Closed.BY_END:
            stream.closed = Closed.OPEN


def rename(tables: Tables, run_id: RunId, renames: Renames) -> None:
    """Call the steps that have written what the run's new code calls them."""
    for stream in tables.streams.get(run_id, {}).values():
        stream.writers = {
            (writer, renames.operation(name) if writer == run_id else name): index
            for (writer, name), index in stream.writers.items()
        }


def forget_writers(tables: Tables, run: RunRow) -> None:
    """Forget who has written in chapters that are over, as the tables of `sql_streams` do."""
    above: RunRow | None = run
    while above is not None:
        for stream in tables.streams.get(above.run_id, {}).values():
            _forget(tables, stream, run.run_id, ended=above is run)
        above = None if above.parent_id is None else tables.runs.get(above.parent_id)


def _forget(tables: Tables, stream: Stream, run_id: RunId, *, ended: bool) -> None:
    for place in list(stream.writers):
        writer = tables.runs.get(place[0])
        done = writer is None or (writer.status.ended and writer.status is not RunStatus.FAILED)
        if place[0] == run_id or (ended and done):
            del stream.writers[place]


def copy(tables: Tables, run_id: RunId, copied: CopiedStreams) -> None:
    """Take along what the copied steps of another run wrote to its streams."""
    for source in tables.streams.get(copied.run_id, {}).values():
        stream = tables.streams.of(run_id, source.namespace, tables.now_us())
        keys = {index: key for key, index in source.keys.items()}
        for one in chunks.last_attempts(source.rows, copied):
            new = NewChunk(form=one.form, body=one.body, key=keys.get(one.index))
            _extend(stream, [new], replace(one, recorded_at=tables.now_us()))
        stream.epilogue = source.epilogue
        if source.closed is Closed.BY_WRITER and source.closed_by in copied.steps:
            stream.closed, stream.closed_by = source.closed, source.closed_by


# --- what readers ask ----------------------------------------------------------------------------


def page(tables: Tables, run_id: RunId, namespace: str, start: int, limit: int) -> ChunkPage:
    """Give some chunks in a row."""
    run = tables.runs.get(run_id)
    over = run is None or run.status.ended
    stream = tables.streams.get(run_id, {}).get(namespace)
    if stream is None:
        return ChunkPage(chunks=(), length=0, closed=over)
    found: list[ChunkRow] = []
    size = 0
    for row in stream.rows[start : start + limit]:
        if size >= PAGE_BYTES:
            break
        found.append(row)
        size += len(row.body)
    closed = over or stream.closed is not Closed.OPEN
    return ChunkPage(chunks=tuple(found), length=len(stream.rows), closed=closed)


def listed(tables: Tables, run_id: RunId) -> list[StreamRow]:
    """List the streams of a run by namespace."""
    return [
        StreamRow(
            namespace=name,
            length=len(stream.rows),
            size=stream.size,
            closed=stream.closed is not Closed.OPEN,
            created_at=stream.created_at,
        )
        for name, stream in sorted(tables.streams.get(run_id, {}).items())
    ]
