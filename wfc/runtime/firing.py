"""Makes schedules fire: a worker looks what is due, decides, and writes each firing in one commit.

All workers do so, and the world lets one of them win: a firing is a change of the schedule's row
together with the run that it begins, and whoever has not seen the last change writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from wfc import fault
from wfc.clock import MICROSECONDS
from wfc.cron import first_after, instants, passed_over
from wfc.errors import BundleUnloadable, CannotDecrypt, VersionUnknown, WfcError, WorldError
from wfc.eventlog.event import Channel
from wfc.ids import RunId, VersionId
from wfc.runtime.openings import firing_id, opening_of
from wfc.runtime.registry import Registry
from wfc.runtime.upgrade_code import Codebase
from wfc.runtime.version_names import active_version
from wfc.worlds.protocol import Child, Put, ScheduleRow, World
from wfc.worlds.schedules import CatchUp, Overlap

_LOG: Final = logging.getLogger("wfc.worker")
LATE_US: Final = 60 * MICROSECONDS
"""A firing that is found later than this was missed."""
WAITING_MAX: Final = 1000
"""So many firings of one schedule wait; what comes on top is skipped."""
_AT_ONCE: Final = 100
_ROUNDS_MAX: Final = 10
_PASSED_OVER_MAX: Final = 1000
"""So many firings by a cron expression are counted at once; each is a search of its own."""
_LOOK_S: Final = 15.0
_LEAST_S: Final = 0.05
"""So often the table is read at most, however much news of it there is."""
_WINDOWS_US: Final = tuple(
    days * 86_400 * MICROSECONDS // 24 for days in (1, 24, 24 * 31, 24 * 400, 24 * 400 * 30)
)
_WORLD_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done about a schedule: these firings, and the first one after them."""

    fire: tuple[int, ...]
    next_at: int | None


def plan_of(row: ScheduleRow, now: int) -> Plan:
    """Decide which firings that are due are made: a pure function of the row and the time."""
    if row.next_at is None or row.next_at > now:
        return Plan(fire=(), next_at=row.next_at)
    if row.catch_up is CatchUp.ALL:
        due = tuple(_all_due(row, now))
        return Plan(fire=due, next_at=first_after(row.timing, due[-1]))
    last = _last_due(row, now)
    missed = row.catch_up is CatchUp.NONE and now - last > LATE_US
    return Plan(fire=() if missed else (last,), next_at=first_after(row.timing, last))


def _all_due(row: ScheduleRow, now: int) -> Iterator[int]:
    """Give the firings that are due, some at a time: the rest is still due then."""
    assert row.next_at is not None
    yield row.next_at
    for count, at in enumerate(instants(row.timing, row.next_at), 1):
        if at > now or count >= _AT_ONCE:
            return
        yield at


def _last_due(row: ScheduleRow, now: int) -> int:
    """Give the last firing that is due. After a long absence there may be millions of them, so the
    look goes back a little first, and further only if it finds none.
    """
    first = row.next_at
    assert first is not None
    every = row.timing.every_us
    if every:
        return first + (now - first) // every * every
    for window in _WINDOWS_US:
        last = None
        for at in instants(row.timing, max(first, now - window) - 1):
            if at > now:
                break
            last = at
        if last is not None:
            return last
    return first


class Firing:
    """Fires the schedules of one world with the code of one registry."""

    def __init__(self, world: World, registry: Registry) -> None:
        """Start runs on the active version, else on that of `registry`."""
        self._world = world
        self._registry = registry
        self._code = Codebase(world, registry)
        self._told: set[tuple[str, str]] = set()
        self._left: set[str] = set()

    async def serve(self) -> None:
        """Fire what becomes due, each in its time, until cancelled."""
        watch = self._world.watch("schedules")
        loop = asyncio.get_running_loop()
        try:
            while True:
                looked = loop.time()
                try:
                    pause_s = await self._pause_s()
                except WorldError as error:
                    _LOG.warning("schedules are looked at again in 5 s: %s", error)
                    pause_s = _WORLD_AGAIN_S
                if await watch.changed(pause_s):
                    left_s = min(pause_s, looked + _LEAST_S - loop.time())
                    await asyncio.sleep(max(0.0, left_s))
        finally:
            watch.close()

    async def _pause_s(self) -> float:
        next_at = await self.fire_due()
        if next_at is None:
            return _LOOK_S
        left_s = (next_at - self._world.now_us()) / MICROSECONDS
        return min(max(left_s, 0.001), _LOOK_S)

    async def fire_due(self) -> int | None:
        """Fire what is due, and give the instant of the next firing (None: there is none).

        After some rounds that is now: what is left of a long absence comes with the next call.
        """
        self._left.clear()
        for _ in range(_ROUNDS_MAX):
            due = await self._world.due_schedules()
            rows = [row for row in due.rows if row.name not in self._left]
            for row in rows:
                await self._fire(row)
            if not rows:
                return due.next_at
        return self._world.now_us()

    async def _fire(self, row: ScheduleRow) -> None:
        """Deal with one schedule. Whatever another worker does to it meanwhile ends this: the next
        look finds what is left.
        """
        try:
            await self._fire_all(row)
        except (BundleUnloadable, CannotDecrypt) as error:
            # Another worker may have the packages, or the key: the firing waits for it.
            self._left.add(row.name)
            if (row.name, str(error)) not in self._told:
                self._told.add((row.name, str(error)))
                _LOG.error("the schedule %s cannot be fired here: %s", row.name, error)

    async def _fire_all(self, row: ScheduleRow) -> None:
        now = self._world.now_us()
        plan = plan_of(row, now)
        current: ScheduleRow | None = row
        if row.waiting and not row.paused:
            current = await self._waited(row)
        for count, at in enumerate(plan.fire):
            if current is None:
                return
            moved = replace(current, next_at=first_after(row.timing, at))
            answer = await self._one(moved, at)
            if answer is Put.BUSY:
                left = plan.fire[count:]
                await self._put(_put_off(current, replace(plan, fire=left), now))
                return
            current = _written(moved, at, answer)
        if current is not None and current.next_at != plan.next_at:
            await self._put(replace(current, next_at=plan.next_at))

    async def _one(self, row: ScheduleRow, at: int) -> Put:
        """Make one firing, unless a run is open, or firings wait, that must end before it."""
        if row.overlap is Overlap.QUEUE and row.waiting:
            return Put.BUSY
        return await self._begin(row, at, alone=row.overlap is not Overlap.ALLOW)

    async def _waited(self, row: ScheduleRow) -> ScheduleRow | None:
        """Make the firing that has waited longest, if no run of the schedule is open any more."""
        at, *rest = row.waiting
        shorter = replace(row, waiting=tuple(rest))
        answer = await self._begin(shorter, at, alone=True)
        return row if answer is Put.BUSY else _written(shorter, at, answer)

    async def _begin(self, row: ScheduleRow, at: int, *, alone: bool) -> Put:
        """Write a firing and its run, or why there is none."""
        run_id = firing_id(row.name, at)
        fault.point("schedule.firing")
        try:
            opening = await opening_of(
                self._code,
                await self._version(),
                row,
                fire_at=at,
                actor=None,
                channel=Channel.SCHEDULE,
            )
            fired = _fired(row, at, run_id)
            child = Child(run_id=run_id, event=opening)
            answer = await self._world.put_schedule(fired, run=child, alone=alone)
        except (WorldError, BundleUnloadable, CannotDecrypt):
            raise
        except WfcError as error:
            _LOG.error("the schedule %s could not start a run: %s", row.name, error)
            problem = f"{type(error).__name__}: {error}"
            failed = replace(row, skipped=row.skipped + 1, problem=problem)
            await self._world.put_schedule(failed)
            return Put.CHANGED  # the next look goes on from there
        fault.point("schedule.fired")
        return answer

    async def _version(self) -> VersionId:
        try:
            return await active_version(self._world)
        except VersionUnknown:
            return self._registry.current.id

    async def _put(self, row: ScheduleRow) -> ScheduleRow | None:
        answer = await self._world.put_schedule(row)
        return replace(row, revision=row.revision + 1) if answer is Put.DONE else None


def _put_off(row: ScheduleRow, plan: Plan, now: int) -> ScheduleRow:
    """Let the firings of a plan wait, or skip them, since a run is open: all by one change.

    Where one of them is skipped, so is all that is due behind it.
    """
    room = max(0, WAITING_MAX - len(row.waiting)) if row.overlap is Overlap.QUEUE else 0
    waiting, skipped, next_at = plan.fire[:room], len(plan.fire[room:]), plan.next_at
    if skipped and next_at is not None and next_at <= now:
        more, next_at = passed_over(row.timing, next_at, now, _PASSED_OVER_MAX)
        skipped += more
    if skipped and row.overlap is Overlap.QUEUE:
        _LOG.warning(
            "the schedule %s skips %d firings: %d wait already", row.name, skipped, WAITING_MAX
        )
    elif skipped:
        _LOG.info("the schedule %s skips %d firings: a run of it is open", row.name, skipped)
    return replace(
        row,
        next_at=next_at,
        waiting=(*row.waiting, *waiting),
        skipped=row.skipped + skipped,
    )


def _fired(row: ScheduleRow, at: int, run_id: RunId) -> ScheduleRow:
    return replace(row, last_at=at, last_run=run_id, problem=None)


def _written(row: ScheduleRow, at: int, answer: Put) -> ScheduleRow | None:
    """Give the row as the world holds it after a firing."""
    if answer is not Put.DONE:
        return None
    fired = _fired(row, at, firing_id(row.name, at))
    return replace(fired, revision=row.revision + 1)
