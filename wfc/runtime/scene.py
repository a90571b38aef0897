"""What a step body may ask of the run it works for: who it is, and to change its attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from wfc.clock import to_datetime
from wfc.errors import StreamClosed
from wfc.eventlog.event import AttributesSet, Channel, Event, Recorded, RunCreated, Scalar
from wfc.ids import OperationId, RunId
from wfc.runtime.attempt import Call
from wfc.runtime.attributes import check_attributes
from wfc.runtime.ended import ended
from wfc.runtime.ledger import Ledger
from wfc.runtime.limits import Limits
from wfc.runtime.metadata import WorkflowMetadata
from wfc.runtime.outlets import Holder, Outlets, too_late
from wfc.runtime.writable import THE_TURN, TURN, StreamName
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    ChunkRow,
    Guard,
    NewChunk,
    OpenRun,
    Owner,
    Queued,
    Refused,
    Release,
    StreamRow,
    StreamWrite,
    Written,
)


class Writer(Protocol):
    """The part of a worker that a scene needs."""

    limits: Limits

    async def append(
        self,
        run_id: RunId,
        events: Sequence[Event],
        *,
        guard: Guard,
        messages: Sequence[Queued] = (),
        release: Release | None = None,
        chunks: Sequence[StreamWrite] = (),
    ) -> Appended | Refused:
        """Append, waiting out a full or unreachable world."""
        ...

    async def write_chunks(
        self,
        run_id: RunId,
        write: StreamWrite,
        *,
        guard: Owner | AttemptOf,
        writer: RunId,
        since: int | None = None,
    ) -> Written | Refused:
        """Write chunks, waiting out a full or unreachable world. `since` is how long the stream was
        after the last write of this body.
        """
        ...

    async def history(self, run_id: RunId, after: int, limit: int = ...) -> list[Recorded]:
        """Read up to `limit` events after a position."""
        ...

    async def chunks_of(self, run_id: RunId, namespace: str, start: int) -> Sequence[ChunkRow]:
        """Read chunks of a stream from an index on; none if there are none yet."""
        ...

    async def streams_of(self, run_id: RunId) -> Sequence[StreamRow]:
        """List the streams of a run."""
        ...

    def news_of(self, run_id: RunId) -> None:
        """Hear that an outside fact was written to a run."""
        ...


class RunScene:
    """The run around a step body."""

    __slots__ = ("_holder", "_ledger", "_run_id", "_writer")

    def __init__(
        self,
        run_id: RunId,
        writer: Writer,
        ledger: Callable[[], Ledger],
        holder: Holder | AttemptOf,
    ) -> None:
        """Speak for the run whose present state `ledger` gives, while `holder` may."""
        self._run_id = run_id
        self._holder = holder
        self._writer = writer
        self._ledger = ledger

    def workflow_metadata(self) -> WorkflowMetadata:
        """Describe the run."""
        ledger = self._ledger()
        created, opening = ledger.created, ledger.opening
        assert created is not None
        assert opening is not None
        return WorkflowMetadata(
            run_id=self._run_id,
            chapter=ledger.chapter,
            workflow=created.workflow,
            version=ledger.version or created.version,
            started_at=to_datetime(opening.recorded_at),
            attributes=dict(ledger.attributes),
            parent_id=None if created.parent is None else created.parent.run_id,
            root_id=created.root_id or self._run_id,
        )

    async def set_attributes(
        self, changes: Mapping[str, Scalar | None], operation_id: OperationId
    ) -> None:
        """Write attributes on behalf of a step."""
        check_attributes(changes, self._ledger().attributes, limit=self._writer.limits.attributes)
        event = AttributesSet(changes=dict(changes), actor=operation_id, channel=Channel.CODE)
        answer = await self._writer.append(self._run_id, [event], guard=OpenRun())
        if isinstance(answer, Refused):
            raise ended(self._run_id, event)
        self._writer.news_of(self._run_id)

    async def write_stream(
        self, call: Call, to: StreamName, chunks: Sequence[NewChunk], *, close: bool
    ) -> None:
        """Write to a stream on behalf of an attempt; `StreamClosed` once its body has ended."""
        # A task or thread may outlive its body, and no chunk comes after the outcome.
        if call.over:
            raise too_late(to)
        if to.run_id != self._run_id:
            to = await self._own(to)
        if to.namespace == THE_TURN:
            to = await self._turn_of(to)
        if call.outlets is None:
            step = call.operation_id, call.attempt
            call.outlets = Outlets(self._writer, self._run_id, step, self._holder)
        await call.outlets.write(to, chunks, close=close)

    async def read_stream(self, of: StreamName) -> list[ChunkRow]:
        """Give what a stream holds."""
        rows: list[ChunkRow] = []
        while page := await self._writer.chunks_of(of.run_id, of.namespace, len(rows)):
            rows += page
        return rows

    @property
    def log_level(self) -> int | None:
        """Give the level from which on log lines are kept."""
        return self._writer.limits.log_level

    async def write_lines(self, wanted: StreamWrite) -> None:
        """Write log lines of an attempt; nothing, if others have the run by now."""
        guard: Owner | AttemptOf
        if isinstance(self._holder, AttemptOf):
            guard = self._holder
        elif self._holder.fence is None:
            return
        else:
            guard = Owner(self._holder.fence, 0)
        await self._writer.write_chunks(self._run_id, wanted, guard=guard, writer=self._run_id)

    async def _turn_of(self, to: StreamName) -> StreamName:
        """Find the stream of the turn that an agent speaks in now: the one begun last.

        Raises `StreamClosed` if no turn is open.
        """
        rows = await self._writer.streams_of(to.run_id)
        turns = [row for row in rows if row.namespace.startswith(TURN) and not row.closed]
        if not turns:
            raise StreamClosed(
                f"no turn of an agent is open in run {to.run_id}, whose stream the step was to "
                "write to. Write to a namespace of your own: get_writable(namespace=...)."
            )
        newest = max(turns, key=lambda row: row.created_at)
        return StreamName(to.run_id, newest.namespace)

    async def _own(self, to: StreamName) -> StreamName:
        """Give a fork its own stream where what was copied names that of the run it came from."""
        created: Event | None = self._ledger().created
        while isinstance(created, RunCreated) and created.origin is not None:
            origin = created.origin
            if origin.kind != "fork" or origin.run_id is None:
                break
            if origin.run_id == to.run_id:
                return StreamName(self._run_id, to.namespace)
            opening = await self._writer.history(RunId(origin.run_id), 0, 1)
            created = opening[0].event if opening else None
        return to
