"""The owner's side of child runs: those to be started, those that ended, those to be cancelled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from wfc import codec, fault
from wfc.errors import QueueUnknown, RunCancelled, RunFailed, RunIdConflict
from wfc.eventlog.entity import Run, RunStatus
from wfc.eventlog.event import (
    CancelCause,
    Channel,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    Parent,
    RunCancelRequested,
    RunCreated,
)
from wfc.ids import OperationId, RunId, VersionId
from wfc.runtime.ledger import Ledger
from wfc.runtime.operations import ChildAsked
from wfc.runtime.queues import Queues
from wfc.worlds.protocol import Appended, Child, EndedChild, Guard, OpenRun, Refused
from wfc.worlds.rules import digest_of

ENDED_MAX: Final = 200
"""So many ended children are read, and recorded, at once."""


class Registrar(Protocol):
    """What a nursery must know of its worker."""

    @property
    def queues(self) -> Queues:
        """The queues into which runs may be started."""
        ...

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version may read of the machine, as of now."""
        ...


class Midwife(Protocol):
    """Who reads of children and writes to them."""

    async def run_of(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        ...

    async def ended_children(self, run_id: RunId) -> list[EndedChild]:
        """Read up to `ENDED_MAX` ended children of which the run has still to hear."""
        ...

    async def append(
        self, run_id: RunId, events: Sequence[Event], *, guard: Guard
    ) -> Appended | Refused:
        """Append, waiting out a full or unreachable world."""
        ...

    def news_of(self, run_id: RunId) -> None:
        """Hear that an outside fact was written to a run."""
        ...


class Nursery:
    """What one run wants of its children; part of its outbox."""

    def __init__(self, run_id: RunId) -> None:
        """Want nothing yet."""
        self.asked: dict[OperationId, ChildAsked] = {}
        """Children that are not in the log yet; no body begins before they are."""
        self.ends: dict[OperationId, Event] = {}
        self.news = True
        """Whether a child may have ended since somebody looked."""
        self._run_id = run_id
        self._cancels: dict[RunId, str | None] = {}
        self._told: set[RunId] = set()
        self._taken: dict[OperationId, ChildFailed | None] = {}
        """Ids that name a run already: None if it is the one that is asked for."""

    def clear(self) -> None:
        """Forget what a fresh execution asks for again."""
        self.asked.clear()
        self._cancels.clear()

    # -- what the code asks for

    def want(self, asked: ChildAsked, ledger: Ledger) -> None:
        """Start a child, unless the log knows it; cancel it, if the code wants that."""
        if ledger.law.child(asked.operation_id) is None:
            self.asked[asked.operation_id] = asked
        else:
            self._cancel(asked, ledger)

    def give_up(self, asked: ChildAsked, ledger: Ledger) -> None:
        """Do not start what the code does not wait for any more; what was started goes on."""
        self.asked.pop(asked.operation_id, None)
        self._cancel(asked, ledger)

    def _cancel(self, asked: ChildAsked, ledger: Ledger) -> None:
        child = ledger.children.get(asked.operation_id)
        if asked.cancelled and child is not None and child not in self._told:
            self._cancels[child] = asked.reason

    # -- writing

    def events(self, ledger: Ledger, registrar: Registrar, create: list[Child]) -> Iterator[Event]:
        """Give what the next append says of children, and add to `create` those it begins."""
        first: dict[RunId, ChildAsked] = {}
        yield from self.ends.values()
        for asked in self.asked.values():
            name = asked.operation_id
            other = first.setdefault(asked.run_id, asked)
            refused = self._taken.get(name)
            if other is not asked and not _are_same(other, asked):
                refused = _conflict(name, asked, str(other.workflow))
            if refused is None and other is asked and name not in self._taken:
                try:
                    born = birth(asked, self._run_id, ledger, registrar)
                except QueueUnknown as error:
                    refused = ChildFailed(operation_id=name, error=codec.encode_error(error))
            if refused is not None:
                yield refused
                continue
            if other is asked and name not in self._taken:
                create.append(Child(run_id=asked.run_id, event=born))
            yield ChildCreated(
                operation_id=name,
                run_id=asked.run_id,
                workflow=asked.workflow,
                digest=asked.digest,
            )

    def born(self, event: ChildCreated) -> None:
        """Hear that the log holds a child."""
        asked = self.asked.pop(event.operation_id, None)
        if self._taken.pop(event.operation_id, asked) is None:
            self.news = True  # it was there before, so it may have ended before

    def over(self, event: ChildCompleted | ChildFailed) -> None:
        """Hear that the log holds the end of a child."""
        for table in (self.asked, self.ends, self._taken):
            table.pop(event.operation_id, None)

    # -- the world

    async def attend(self, midwife: Midwife, ledger: Ledger) -> None:
        """Pass on what the code asked of its children, and look which have ended."""
        while self._cancels:
            child, reason = self._cancels.popitem()
            await self._tell(midwife, child, reason)
        if not self.news or not ledger.children or ledger.ended:
            return
        found = await midwife.ended_children(self._run_id)
        self.news = len(found) == ENDED_MAX
        for each in found:
            if each.operation_id in ledger.children:
                self.ends[each.operation_id] = _end(each)

    async def _tell(self, midwife: Midwife, child: RunId, reason: str | None) -> None:
        request = RunCancelRequested(
            reason=reason, cause=CancelCause.PARENT, actor=self._run_id, channel=Channel.CODE
        )
        fault.point("child.cancelling")
        await midwife.append(child, [request], guard=OpenRun())
        fault.point("child.cancelled")
        self._told.add(child)
        midwife.news_of(child)

    async def look_up(self, midwife: Midwife) -> None:
        """See which ids are taken, and whether by the very runs that are asked for."""
        for name, asked in list(self.asked.items()):
            row = await midwife.run_of(asked.run_id)
            if row is None or name not in self.asked:
                continue
            same = row.workflow == asked.workflow
            if same and row.arguments_digest == digest_of(asked.arguments):
                self._taken[name] = None
            else:
                self._taken[name] = _conflict(name, asked, row.workflow)


def birth(asked: ChildAsked, parent: RunId, ledger: Ledger, registrar: Registrar) -> RunCreated:
    """Give the first event of a child run. Raises `QueueUnknown`."""
    created = ledger.created
    assert created is not None
    assert ledger.version is not None
    queue, attributes = asked.queue, asked.attributes
    queue_key = None if queue is None else registrar.queues.key(queue, attributes)
    return RunCreated(
        workflow=asked.workflow,
        version=ledger.version,
        fingerprint=asked.fingerprint,
        arguments=asked.arguments,
        seed=os.urandom(32),
        environment=registrar.environment(ledger.version),
        attributes=attributes,
        queue=queue,
        queue_key=queue_key,
        limit_key=asked.limit_key,
        priority=asked.priority,
        not_before=asked.not_before,
        timeout_s=asked.timeout_s,
        retention_s=asked.retention_s,
        goal_s=asked.goal_s,
        parent=Parent(run_id=parent, operation_id=asked.operation_id, detached=asked.detached),
        root_id=created.root_id or parent,
        depth=created.depth + 1,
        traceparent=created.traceparent,
        actor=parent,
        channel=Channel.CODE,
    )


def _end(ended: EndedChild) -> Event:
    name, run = ended.operation_id, ended.run
    if run.status is RunStatus.COMPLETED and run.output is not None:
        return ChildCompleted(operation_id=name, output=run.output)
    if run.status is RunStatus.CANCELLED:
        stopped = RunCancelled(run.run_id, run.cancel_reason)
        return ChildFailed(operation_id=name, error=codec.encode_error(stopped))
    kind = "unknown" if run.failure_kind is None else run.failure_kind.value
    error = codec.encode_error(RunFailed(run.run_id, kind, None))
    if run.error is not None:
        error = codec.caused_by(error, run.error)
    return ChildFailed(operation_id=name, error=error)


def _are_same(one: ChildAsked, other: ChildAsked) -> bool:
    return one.workflow == other.workflow and one.digest == other.digest


def _conflict(name: OperationId, asked: ChildAsked, holder: str) -> ChildFailed:
    how = "with other arguments" if holder == asked.workflow else f"not of {asked.workflow}"
    error = RunIdConflict(
        f"the id {asked.run_id!r} belongs to a run of {holder}, {how}. "
        "Nothing was started; choose another id."
    )
    return ChildFailed(operation_id=name, error=codec.encode_error(error))
