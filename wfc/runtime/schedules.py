"""Schedules from outside: make one, look at it, pause, resume, trigger and delete it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

from wfc.clock import MICROSECONDS, to_datetime, to_us
from wfc.cron import Timing, fault_of, first_after, instants, zone_of
from wfc.durations import Duration, parse
from wfc.errors import OptionInvalid, RunBusy, ScheduleNotFound
from wfc.eventlog.event import Scalar
from wfc.ids import DefinitionId, RunId
from wfc.runtime.attributes import check_attributes
from wfc.runtime.client import Client
from wfc.runtime.openings import firing_id, opening_of
from wfc.runtime.options import (
    check_duration,
    check_given_attributes,
    check_instant,
    check_number,
    check_text,
    refused,
)
from wfc.runtime.run import Run
from wfc.runtime.starting import check_fit, encoded, workflow_id
from wfc.worlds.protocol import Child, Note, Put, ScheduleRow
from wfc.worlds.schedules import CatchUp, Overlap, is_schedule_name

_TRIES: Final = 20
_NEXT_MAX: Final = 1000
_EVERY_LEAST_US: Final = MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """What `schedule` was given beside a workflow and its arguments."""

    name: str
    cron: str | None = None
    every: Duration | None = None
    tz: str = "UTC"
    overlap: str = Overlap.SKIP
    catch_up: str = CatchUp.LATEST
    start: datetime | None = None
    end: datetime | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    paused: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what no schedule may have. Raises `OptionInvalid`, `LimitExceeded`."""
        if not isinstance(self.name, str) or not is_schedule_name(self.name):
            why = "cannot name a schedule: 1 to 100 letters, digits and . _ - are allowed"
            raise refused("name", self.name, why)
        if (self.cron is None) == (self.every is None):
            raise OptionInvalid(
                f"the schedule {self.name!r} takes `cron` or `every`, and exactly one of the two: "
                '`cron="0 3 * * *"` or `every="15m"`.'
            )
        self._check_times()
        _one_of("overlap", self.overlap, Overlap)
        _one_of("catch_up", self.catch_up, CatchUp)
        if self.paused is not None and not isinstance(self.paused, bool):
            raise refused("paused", self.paused, "is neither True nor False")
        kept = check_given_attributes("attributes", self.attributes)
        object.__setattr__(self, "attributes", kept)  # a copy: the caller's may change

    def _check_times(self) -> None:
        fault = None if self.cron is None else fault_of(self.cron)
        if fault is not None:
            raise refused("cron", self.cron, f"is no cron expression: {fault}")
        check_duration("every", self.every)
        if self.every is not None and _micros(self.every) < _EVERY_LEAST_US:
            raise refused("every", self.every, "is too often: at least a second must lie between")
        check_text("tz", self.tz)
        try:
            zone_of(self.tz)
        except ValueError as problem:
            raise OptionInvalid(f"`tz` = {problem}.") from None
        check_instant("start", self.start)
        check_instant("end", self.end)
        if self.start is not None and self.end is not None and self.end < self.start:
            raise OptionInvalid(f"`end` = {self.end!r} lies before `start` = {self.start!r}.")

    def timing(self, anchor: int) -> Timing:
        """Give when it fires; an interval counts from `anchor` unless it has a start."""
        return Timing(
            cron=self.cron,
            every_us=None if self.every is None else _micros(self.every),
            tz=self.tz,
            anchor=anchor,
            start=None if self.start is None else to_us(self.start),
            end=None if self.end is None else to_us(self.end),
        )


def _micros(duration: Duration) -> int:
    return round(parse(duration).total_seconds() * MICROSECONDS)


def _one_of(name: str, value: object, words: type[Overlap | CatchUp]) -> None:
    if value not in list(words):
        raise refused(name, value, f"is none of {', '.join(repr(str(word)) for word in words)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule, as it was when it was read; its methods act on it as it is now.

    `next_at` is its next firing (None while it is paused, and after the last), `last_at` and
    `last_run_id` are the last firing that began a run. `waiting` counts firings that wait for an
    open run to end, `skipped` those that began none, and `problem` says why the last could not.
    """

    name: str
    workflow: DefinitionId
    cron: str | None
    every_s: float | None
    tz: str
    overlap: str
    catch_up: str
    start: datetime | None
    end: datetime | None
    attributes: Mapping[str, Scalar]
    paused: bool
    created_at: datetime
    next_at: datetime | None
    last_at: datetime | None
    last_run_id: RunId | None
    waiting: int
    skipped: int
    problem: str | None
    _client: Callable[[], Awaitable[Client]] = field(repr=False, compare=False)

    async def pause(self) -> Schedule:
        """Fire no more until `resume`; runs that were begun go on."""
        return await self._change(
            lambda row, _: None if row.paused else replace(row, paused=True, next_at=None), "paused"
        )

    async def resume(self) -> Schedule:
        """Fire again, from now on: what fell into the pause is not made up for."""

        def change(row: ScheduleRow, now: int) -> ScheduleRow | None:
            if not row.paused:
                return None
            return replace(row, paused=False, next_at=first_after(row.timing, now))

        return await self._change(change, "resumed")

    async def trigger(self) -> Run[Any]:
        """Begin a run now, whatever else is open or paused; the next firing stays when it is."""
        client = await self._client()
        for _ in range(_TRIES):
            row = await read(client, self.name)
            now = client.world.now_us()
            run_id = firing_id(row.name, now)
            version = (
                await client.upgrader.code.named(None)
                if client.registry is None
                else client.registry.current.id
            )
            opening = await opening_of(
                client.upgrader.code,
                version,
                row,
                fire_at=now,
                actor=client.actor,
                channel=client.channel,
            )
            fired = replace(row, last_at=now, last_run=run_id, problem=None)
            child = Child(run_id=run_id, event=opening)
            note = _note(client, row.name, "triggered", run=run_id)
            if await client.world.put_schedule(fired, run=child, note=note) is Put.DONE:
                return Run(run_id, self._client, created=True)
        raise _changes_too_fast(self.name)

    async def delete(self) -> bool:
        """Forget the schedule; runs that it began go on. False if it was gone already."""
        client = await self._client()
        note = _note(client, self.name, "deleted")
        return await client.world.delete_schedule(self.name, note=note)

    async def next(self, count: int = 1) -> tuple[datetime, ...]:
        """Give the next `count` firings (at most 1000), as if it were not paused."""
        check_number("count", count, 1, _NEXT_MAX)
        client = await self._client()
        row = await read(client, self.name)
        after = client.world.now_us() if row.next_at is None else row.next_at - 1
        return tuple(map(to_datetime, islice(instants(row.timing, after), count)))

    async def _change(
        self, change: Callable[[ScheduleRow, int], ScheduleRow | None], what: str
    ) -> Schedule:
        client = await self._client()
        for _ in range(_TRIES):
            row = await read(client, self.name)
            changed = change(row, client.world.now_us())
            if changed is None:
                return shown(row, self._client)
            note = _note(client, self.name, what)
            if await client.world.put_schedule(changed, note=note) is Put.DONE:
                return shown(changed, self._client)
        raise _changes_too_fast(self.name)


async def put(
    client: Client,
    client_of: Callable[[], Awaitable[Client]],
    workflow: Callable[..., Any],
    options: ScheduleOptions,
    call: tuple[tuple[Any, ...], Mapping[str, Any]],
) -> Schedule:
    """Make a schedule, or let the one of this name be so; one that is so already stays untouched.

    Raises `NotCompiled`, `TypeError`, `InputInvalid`, `Unserialisable`, `PayloadTooLarge`.
    """
    name = workflow_id(workflow)
    check_attributes(options.attributes, limit=client.attributes_max)
    payload = encoded(workflow, call, client)
    check_fit(workflow, payload, client)
    world = client.world
    for _ in range(_TRIES):
        known, now = await world.schedule(options.name), world.now_us()
        row = _wanted(options, name, payload, known, now)
        if row == known:
            return shown(row, client_of)
        what = "created" if known is None else "changed"
        if await world.put_schedule(row, note=_note(client, row.name, what)) is Put.DONE:
            return shown(row, client_of)
    raise _changes_too_fast(options.name)


def _wanted(
    options: ScheduleOptions,
    workflow: DefinitionId,
    arguments: bytes,
    known: ScheduleRow | None,
    now: int,
) -> ScheduleRow:
    """Give the schedule as it is to be. Where its times stay the same, its next firing does."""
    # An interval that is said again goes on counting from where it began.
    timing = options.timing(now if known is None else known.timing.anchor)
    if known is not None and timing != known.timing:
        timing = options.timing(now)
    was_paused = known is not None and known.paused
    paused = was_paused if options.paused is None else options.paused
    row = known or ScheduleRow(
        name=options.name, workflow=workflow, arguments=arguments, timing=timing, created_at=now
    )
    goes_on = known is not None and timing == known.timing and paused == was_paused
    next_at = row.next_at if goes_on else first_after(timing, now)
    return replace(
        row,
        workflow=workflow,
        arguments=arguments,
        timing=timing,
        overlap=Overlap(options.overlap),
        catch_up=CatchUp(options.catch_up),
        attributes=dict(options.attributes),
        paused=paused,
        next_at=None if paused else next_at,
    )


async def listed(
    client: Client, client_of: Callable[[], Awaitable[Client]]
) -> tuple[Schedule, ...]:
    """List all schedules, by name."""
    return tuple(shown(row, client_of) for row in await client.world.schedules())


async def read(client: Client, name: str) -> ScheduleRow:
    """Read a schedule. Raises `ScheduleNotFound`."""
    row = await client.world.schedule(name)
    if row is None:
        names = [each.name for each in await client.world.schedules()]
        near = get_close_matches(name, names, n=3, cutoff=0.6)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`wfc schedules` lists them."
        raise ScheduleNotFound(f"there is no schedule {name!r}. {hint}")
    return row


def shown(row: ScheduleRow, client_of: Callable[[], Awaitable[Client]]) -> Schedule:
    """Give a schedule as callers see it."""
    timing = row.timing
    return Schedule(
        name=row.name,
        workflow=row.workflow,
        cron=timing.cron,
        every_s=None if timing.every_us is None else timing.every_us / MICROSECONDS,
        tz=timing.tz,
        overlap=row.overlap.value,
        catch_up=row.catch_up.value,
        start=_instant(timing.start),
        end=_instant(timing.end),
        attributes=dict(row.attributes),
        paused=row.paused,
        created_at=to_datetime(row.created_at),
        next_at=_instant(row.next_at),
        last_at=_instant(row.last_at),
        last_run_id=row.last_run,
        waiting=len(row.waiting),
        skipped=row.skipped,
        problem=row.problem,
        _client=client_of,
    )


def _instant(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)


def _note(client: Client, name: str, what: str, **details: Scalar) -> Note:
    return Note(
        action=f"schedule.{what}",
        actor=client.actor,
        channel=client.channel,
        details={"name": name, **details},
    )


def _changes_too_fast(name: str) -> RunBusy:
    return RunBusy(f"the schedule {name!r} changes too fast to be changed; try again")
