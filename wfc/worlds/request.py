"""What one append asks for, as the worlds of this package pass it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wfc.eventlog.event import Event
from wfc.ids import RunId, WorkerId
from wfc.worlds.chunks import StreamWrite
from wfc.worlds.protocol import Child, Guard, Queued, Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The arguments of `World.append`."""

    run_id: RunId
    events: Sequence[Event]
    guard: Guard
    messages: Sequence[Queued] = ()
    create: Sequence[Child] = ()
    claim: WorkerId | None = None
    release: Release | None = None
    chunks: Sequence[StreamWrite] = ()
