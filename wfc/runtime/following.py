"""Runs that follow new versions by themselves: ``on_new_version = "upgrade"``.

A worker that is about to claim a run of an older version tries to move it, once for each run and
version and overlooking nothing. What the run's history refuses stays where it is.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from wfc.errors import RunBusy, WfcError, WorldError
from wfc.eventlog.entity import Run as Row
from wfc.eventlog.event import Channel, RunCreated
from wfc.ids import RunId, VersionId, WorkerId
from wfc.runtime.registry import Registry
from wfc.runtime.upgrade import Upgrader
from wfc.worlds.protocol import World

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

_LOG: Final = logging.getLogger("wfc.worker")
_REMEMBERED: Final = 100_000


class Following:
    """Moves runs to the version of a worker, where that version says so."""

    def __init__(
        self,
        world: World,
        registry: Registry,
        worker_id: WorkerId,
        telemetry: Telemetry | None = None,
    ) -> None:
        """Move runs on behalf of a worker."""
        self.world = world
        self._telemetry = telemetry
        self.actor: str | None = worker_id
        self.channel = Channel.RUNTIME
        self._registry = registry
        self._upgrader: Upgrader | None = None
        self._tried: OrderedDict[tuple[RunId, VersionId], None] = OrderedDict()

    async def follow(self, run_id: RunId) -> None:
        """Move a run that may follow, if it has not been tried before."""
        if not self._registry.any_follows:
            return
        to = self._registry.current.id
        key = run_id, to
        if key in self._tried:
            return
        row = await self.world.run(run_id)
        if row is None or not self._is_behind(row):
            return
        self._tried[key] = None
        while len(self._tried) > _REMEMBERED:
            self._tried.popitem(last=False)
        if self._upgrader is None:
            self._upgrader = Upgrader(self, self._registry)
        if await self._upgrader.code.named(None) != to:
            return  # this worker is not the newest: it must lead no run back
        await self._move(self._upgrader, run_id, to)

    def _is_behind(self, row: Row) -> bool:
        registry = self._registry
        return (
            not row.status.ended
            and row.version != registry.current.id
            and row.fingerprint not in registry.current.fingerprints.values()
            and registry.follows(row.workflow)
        )

    async def _move(self, upgrader: Upgrader, run_id: RunId, to: VersionId) -> None:
        try:
            with await self._told(run_id):
                verdict = await upgrader.upgrade(run_id, to, timeout=0)
        except RunBusy:
            self._tried.pop((run_id, to), None)  # somebody executes it; the next claim tries again
        except WorldError:
            raise
        except WfcError as error:
            _LOG.warning("run %s was not moved to version %s: %s", run_id, to, error)
        else:
            why = "" if verdict else f": {verdict.reasons[0].sentence}" if verdict.reasons else ""
            word = "moved" if verdict.moved else "stays" if not verdict else "needs no move"
            _LOG.info("run %s %s (version %s)%s", run_id, word, to, why)

    async def _told(self, run_id: RunId) -> AbstractContextManager[Any]:
        """Give a span for a move, in the trace of the run, which may be new here."""
        if self._telemetry is None:
            return nullcontext()
        traceparents = [
            each.event.traceparent
            for each in await self.world.history(run_id, 0, 1, veiled=True)
            if isinstance(each.event, RunCreated)
        ]
        return self._telemetry.moving(run_id, *traceparents)
