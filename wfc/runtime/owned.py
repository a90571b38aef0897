"""The runs that a worker owns: claimed, executed, and kept for their next turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from typing import Any, Final, Protocol

from wfc import fault
from wfc.errors import (
    BuildTooNew,
    BundleBroken,
    BundleUnloadable,
    CodecError,
    CompileError,
    LogError,
    StepUnknown,
    VersionUnknown,
    WorldError,
)
from wfc.eventlog.event import Recorded
from wfc.ids import RunId
from wfc.runtime.alarms import Poked
from wfc.runtime.desk import Desk
from wfc.runtime.parking import Parking
from wfc.runtime.resume import LiveRun
from wfc.runtime.trials import SUSPECT_AFTER, Trials
from wfc.worlds.protocol import Claimed, Held, NotYet, Over, Queued, Resume, Suspect, World

_LOG: Final = logging.getLogger("wfc.worker")
_NOT_MINE_YET_US: Final = 50_000
_UNREADABLE: Final = (
    LogError, CodecError, BundleBroken, BundleUnloadable, BuildTooNew, VersionUnknown, CompileError,
    StepUnknown,
)  # fmt: skip
"""What keeps one run from being executed, and no other."""


class Home(Desk, Protocol):
    """The worker to which runs belong."""

    world: World

    @property
    def stopping(self) -> bool:
        """Tell whether nothing more is begun."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background."""
        ...

    async def follow(self, run_id: RunId) -> None:
        """Move a run to this worker's version, if that is what the version wants."""
        ...

    def doubt(self) -> None:
        """Hear that this worker may hold what it does not know of."""
        ...

    async def certain(self) -> None:
        """Wait until it is known what this worker holds."""
        ...

    def forget_alarm(self, who: Poked) -> None:
        """Let nobody be poked who has left."""
        ...


class OwnedRuns:
    """Those that are `active`, and those that are `parked`."""

    def __init__(self, home: Home, executions: int) -> None:
        """Own nothing yet; keep up to `executions` runs between their turns."""
        self.active: dict[RunId, LiveRun] = {}
        self.parked = Parking(executions)
        self.claiming: set[RunId] = set()
        self.asking: set[RunId] = set()
        """Runs that the world is just asked for."""
        self._trials = Trials()
        self._home = home
        self._watched: dict[RunId, list[asyncio.Future[None]]] = {}

    @property
    def busy(self) -> bool:
        """Tell whether a run does something, or is about to."""
        return bool(self.claiming) or any(not live.quiet for live in self.active.values())

    async def resume(self, run_id: RunId) -> None:
        """See that somebody executes a run which has something to do."""
        live = self.active.get(run_id)
        if live is not None:
            live.hear()
            return
        if run_id in self.claiming:
            return
        self.claiming.add(run_id)
        try:
            await self._home.follow(run_id)
            await self._claim(run_id)
        finally:
            self.claiming.discard(run_id)

    async def _claim(self, run_id: RunId) -> None:
        home = self._home
        await self._trials.none()
        await home.certain()
        telemetry = home.telemetry
        with nullcontext() if telemetry is None else telemetry.claiming(run_id):
            answer = await self._asked(run_id, SUSPECT_AFTER - 1)
        fault.point("run.claimed")
        if isinstance(answer, Claimed):
            self.execute(run_id, answer)
        elif isinstance(answer, Suspect):
            await self._try_alone(run_id)
        elif isinstance(answer, Held) and answer.worker_id == home.worker_id:
            # The append that claimed it has not come back yet, or never will.
            home.doubt()
            later = home.now_us() + _NOT_MINE_YET_US
            await home.world.enqueue(Queued(message=Resume(run_id), not_before=later))

    async def _asked(
        self, run_id: RunId, losses_max: int | None
    ) -> Claimed | Suspect | Held | Over | NotYet:
        self.asking.add(run_id)
        try:
            return await self._home.world.claim(run_id, self._home.worker_id, losses_max=losses_max)
        finally:
            self.asking.discard(run_id)

    async def _try_alone(self, run_id: RunId) -> None:
        """Execute a run that may have killed its workers, and let none begin until it shows that it
        does not: if it does, the others that are suspected are not lost with it once more.
        """
        home = self._home
        async with self._trials.turn() as over:
            if home.stopping:
                return  # the sweeper brings it back
            await home.certain()
            answer = await self._asked(run_id, None)
            fault.point("run.claimed")
            if isinstance(answer, Claimed):
                self.execute(run_id, answer, trial=over)
                await over.wait()

    def execute(
        self,
        run_id: RunId,
        claimed: Claimed,
        recorded: Sequence[Recorded] = (),
        trial: asyncio.Event | None = None,
    ) -> None:
        """Execute a run that is claimed; `recorded` is its log, if the claim created it. `trial` is
        set when it has got anywhere.
        """
        live = LiveRun(run_id, self._home, self.parked.take(run_id))
        live.trial = trial
        self.active[run_id] = live
        self._home.spawn(self._drive(live, claimed, recorded))

    async def _drive(self, live: LiveRun, claimed: Claimed, recorded: Sequence[Recorded]) -> None:
        run_id = live.run_id
        try:
            await live.drive(claimed, recorded)
        except _UNREADABLE as error:
            await self._block(live, f"{type(error).__name__}: {error}")
        except WorldError:
            live.drop()
            raise
        except Exception as error:  # noqa: BLE001 - a fault of wfc must stop one run, not the worker
            _LOG.exception("wfc failed on run %s; the run is blocked", run_id)
            await self._block(live, f"internal error: {type(error).__name__}: {error}")
        finally:
            live.acquit()
            if self.active.get(run_id) is live:
                del self.active[run_id]
            for left in self._watched.pop(run_id, ()):
                if not left.done():
                    left.set_result(None)
            self._home.forget_alarm(live)
            self._park(live)
            self._home.settled()

    def _park(self, live: LiveRun) -> None:
        """Keep a released run, so that its next turn need not read its log again."""
        if live.has_news:
            self._home.spawn(self.resume(live.run_id))
        parked = None if self._home.stopping else live.park()
        live.drop()
        if parked is not None:
            self.parked.keep(live.run_id, parked)

    async def _block(self, live: LiveRun, reason: str) -> None:
        """Keep a run that cannot be executed from being tried for ever; nothing else changes.

        Nor that, if others have the run by now: what a worker that stood still knows of the log
        does not go with what they have written since.
        """
        fence = live.tenure.fence
        if fence is None:
            return
        _LOG.error("run %s is blocked: %s", live.run_id, reason)
        await self._home.world.block(live.run_id, reason, fence=fence)
        await live.release_unread()

    def until_left(self, run_id: RunId) -> asyncio.Future[None] | None:
        """Give a future that is done when the run is not executed here any more; None if it is not
        now.
        """
        if run_id not in self.active:
            return None
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watched.setdefault(run_id, []).append(left)
        return left

    def drain(self) -> None:
        """Begin nothing more, and release each run when its bodies have ended."""
        for live in list(self.active.values()):
            live.drain()

    def stop_bodies(self) -> None:
        """Cancel all bodies that still run."""
        for live in list(self.active.values()):
            live.stop_bodies()

    def drop_all(self) -> None:
        """Forget all runs, writing nothing."""
        for live in self.active.values():
            live.drop()
        self.active.clear()
        self.parked.drop_all()
