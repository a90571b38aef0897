"""A session: an open world, the code that this process has for it, and its worker."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from wfc import abi, codec
from wfc.config.step_processes import process_setup
from wfc.config.tables import queues_of
from wfc.errors import ConfigError
from wfc.eventlog.event import Channel
from wfc.ids import DefinitionId
from wfc.settings import Loaded
from wfc.worlds.protocol import World

if TYPE_CHECKING:
    # Whoever only looks at runs, or asks something of one, needs neither compiler nor interpreter.
    from wfc.runtime.otel import Telemetry
    from wfc.runtime.queues import Queues
    from wfc.runtime.registry import Registry
    from wfc.runtime.upgrade import Upgrader
    from wfc.runtime.worker import Worker
    from wfc.runtime.worker_limits import WorkerLimits
    from wfc.settings_tables import LimitsTable


class Session:
    """An open world, the code that this process has for it, and its worker if it has one."""

    def __init__(
        self,
        world: World,
        registry: Registry | None = None,
        *,
        limits: WorkerLimits | None = None,
        actor: str | None = None,
        channel: Channel = Channel.API,
        loaded: Loaded | None = None,
    ) -> None:
        """Serve an opened `world`; without `registry` runs can be looked at and stopped only."""
        self.world = world
        self.registry = registry
        self.worker: Worker | None = None
        self.actor = actor
        self.channel = channel
        self._loaded = loaded
        self._limits = limits
        self._closed = False

    @cached_property
    def telemetry(self) -> Telemetry | None:
        """What is told of what is done here; None if this process has set up nobody to listen."""
        from wfc.runtime.telemetry import installed  # noqa: PLC0415 - see the top

        return installed()

    @cached_property
    def payload_max(self) -> int:
        """How many bytes a value may have."""
        return int(self._sizes().payload)

    @cached_property
    def events_max(self) -> int:
        """How many events a chapter of a run may have."""
        return self._sizes().events

    @cached_property
    def attributes_max(self) -> int:
        """How many attributes a run may have."""
        return self._sizes().attributes

    @cached_property
    def public_url(self) -> str | None:
        """By what name webhooks are reached from outside, the mount included."""
        return None if self._loaded is None else self._loaded.settings.public_url or None

    @cached_property
    def queues(self) -> Queues:
        """The queues that the settings name."""
        if self.registry is not None:
            return self.registry.queues
        from wfc.runtime.queues import Queues  # noqa: PLC0415 - see the top

        return Queues({}) if self._loaded is None else queues_of(self._loaded.settings)

    def _sizes(self) -> LimitsTable:
        if self._loaded is not None:
            return self._loaded.settings.limits
        from wfc.settings_tables import LimitsTable  # noqa: PLC0415 - see the top

        return LimitsTable()

    @property
    def types(self) -> codec.Types:
        """The types that payloads may name."""
        return codec.REGISTERED if self.registry is None else self.registry.types

    def returns(self, workflow: DefinitionId) -> Any:
        """Give the annotation of a workflow's result, or None."""
        registration = abi.registered.get(workflow)
        if registration is None:
            return None
        from wfc.runtime.annotations import result_annotation  # noqa: PLC0415 - see the top

        return result_annotation(registration.function)

    @cached_property
    def upgrader(self) -> Upgrader:
        """What judges and moves runs of this world."""
        from wfc.runtime.upgrade import Upgrader  # noqa: PLC0415 - see the top

        return Upgrader(self, self.registry)

    def make_worker(self, *, queues: tuple[str, ...] = ()) -> Worker:
        """Make the session's worker, to be started by whoever asks; there is only one."""
        if self.registry is None:
            raise ConfigError("a session without code cannot execute runs")
        if self.worker is None:
            from wfc.runtime.worker import Worker  # noqa: PLC0415 - see the top

            current, loaded = self.registry.current, self._loaded
            self.worker = Worker(
                self.world,
                self.registry,
                limits=self._limits,
                queues=queues,
                processes=None if loaded is None else process_setup(self, loaded, current),
                telemetry=self.telemetry,
            )
        return self.worker

    async def close(self) -> None:
        """Stop the worker and close the world; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self.worker is not None:
            await self.worker.stop()
        await self.world.close()


class LookingSession(Session):
    """A session without code, for looking and for facts from outside."""

    @cached_property
    def types(self) -> codec.Types:
        """The types that payloads may name: any, since nothing is executed."""
        from wfc.runtime.any_types import AnyTypes  # noqa: PLC0415 - see the top

        return AnyTypes()
