"""What a step body may ask of the run it works for: who it is, and to change its attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from wfc.clock import to_datetime
from wfc.errors import RunEnded
from wfc.eventlog.event import AttributesSet, Channel, Event, Scalar
from wfc.ids import OperationId, RunId
from wfc.runtime.attributes import check_attributes
from wfc.runtime.ledger import Ledger
from wfc.runtime.limits import Limits
from wfc.runtime.metadata import WorkflowMetadata
from wfc.worlds.protocol import Appended, Guard, OpenRun, Queued, Refused, Release


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
    ) -> Appended | Refused:
        """Append, waiting out a full or unreachable world."""
        ...

    def news_of(self, run_id: RunId) -> None:
        """Hear that an outside fact was written to a run."""
        ...


class RunScene:
    """The run around a step body."""

    def __init__(self, run_id: RunId, writer: Writer, ledger: Callable[[], Ledger]) -> None:
        """Speak for the run whose present state `ledger` gives."""
        self._run_id = run_id
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
            raise RunEnded(f"run {self._run_id} has ended; its attributes do not change any more")
        self._writer.news_of(self._run_id)
