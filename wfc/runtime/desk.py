"""What a worker lends to the runs that it owns."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from wfc.eventlog.entity import Run
from wfc.eventlog.event import Event, Recorded
from wfc.ids import DefinitionId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime.alarms import Poked
from wfc.runtime.attempt import Bodies, Call, Processes
from wfc.runtime.execution import Execution
from wfc.runtime.limits import Limits
from wfc.runtime.operations import Outcome, StepAsked
from wfc.runtime.queues import Queues
from wfc.runtime.slots import Slots
from wfc.runtime.template import Template
from wfc.runtime.threads import Threads
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    Child,
    ChunkRow,
    EndedChild,
    Gate,
    Guard,
    Owner,
    Queued,
    Refused,
    Release,
    StreamRow,
    StreamWrite,
    Written,
)

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

PAGE: Final = 2000
"""So many events are read, and delivered, at once."""


class Clerk(Protocol):
    """Who writes to runs on behalf of a worker."""

    @property
    def worker_id(self) -> WorkerId:
        """Give the id under which the worker has joined its world."""
        ...

    def now_us(self) -> int:
        """Give the world's clock."""
        ...

    async def append(
        self,
        run_id: RunId,
        events: Sequence[Event],
        *,
        guard: Guard,
        messages: Sequence[Queued] = (),
        create: Sequence[Child] = (),
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

    async def history(self, run_id: RunId, after: int, limit: int = PAGE) -> list[Recorded]:
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


class Desk(Clerk, Protocol):
    """See the module."""

    bodies: Bodies
    threads: Threads
    processes: Processes | None
    slots: Slots
    inline_steps: int
    announce_after_s: float
    always_replay: bool
    limits: Limits
    telemetry: Telemetry | None

    async def active_version(self) -> VersionId | None:
        """Give the version that new work prefers."""
        ...

    async def run_of(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        ...

    async def ended_children(self, run_id: RunId) -> list[EndedChild]:
        """Read ended children of which a run has still to hear."""
        ...

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version may read of the machine, as of now."""
        ...

    async def template(self, version: VersionId, workflow: DefinitionId) -> Template:
        """Load what executions of a workflow are made from."""
        ...

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step."""
        ...

    def gate(self, asked: StepAsked | Call, policy: Policy) -> Gate | None:
        """Say which gate an attempt of a step has to pass."""
        ...

    @property
    def queues(self) -> Queues:
        """The queues into which runs may be started."""
        ...

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run may take, if its workflow limits them."""
        ...

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver under the guard against turns that never end."""
        ...

    def alarm(self, at: int, who: Poked) -> None:
        """Poke somebody at an instant."""
        ...

    def launch(self, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a body."""
        ...

    def settled(self) -> None:
        """Hear that a run has nothing to do for now."""
        ...
