"""What those need who ask something of runs from outside: a world, code, and who is asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wfc import codec
from wfc.eventlog.event import Channel
from wfc.ids import DefinitionId
from wfc.runtime.registry import Registry
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import World

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry


class Client(Protocol):
    """What a handle needs: a world, the code if this process has it, and who is asking."""

    world: World
    registry: Registry | None
    worker: Worker | None
    actor: str | None
    channel: Channel

    @property
    def telemetry(self) -> Telemetry | None:
        """What is told of what is done; None if nobody listens."""
        ...

    @property
    def payload_max(self) -> int:
        """How many bytes a value may have."""
        ...

    @property
    def events_max(self) -> int:
        """How many events a chapter of a run may have."""
        ...

    @property
    def public_url(self) -> str | None:
        """By what name webhooks are reached from outside, the mount included."""
        ...

    @property
    def attributes_max(self) -> int:
        """How many attributes a run may have."""
        ...

    @property
    def types(self) -> codec.Types:
        """The types that payloads may name."""
        ...

    @property
    def upgrader(self) -> Upgrader:
        """What judges and moves runs; what it has read of versions it keeps."""
        ...

    def returns(self, workflow: DefinitionId) -> Any:
        """Give the annotation of a workflow's result, or None."""
        ...
