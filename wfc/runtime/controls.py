"""Requests to many runs at once: cancel, pause, unpause. Each run has an answer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from wfc.errors import LogError, OptionInvalid
from wfc.eventlog import entity
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import CancelCause, Event, RunCancelRequested, RunPaused, RunUnpaused
from wfc.ids import RunId
from wfc.runtime.answers import CancelAnswer, PauseAnswer
from wfc.runtime.bulk import PAGE_MAX
from wfc.runtime.client import Client
from wfc.runtime.options import check_ids, check_reason
from wfc.runtime.run import tell
from wfc.worlds.protocol import Refusal, RunFilter, World

BULK_MAX: Final = 500
_AT_ONCE: Final = 32  # so that they share commits, and a thousand logs are not held at once
_OPEN: Final = frozenset(status.value for status in RunStatus if not status.ended)
_A = TypeVar("_A", CancelAnswer, PauseAnswer)


def chosen(run_ids: Iterable[str] | None, where: RunFilter) -> RunFilter | list[RunId]:
    """Say which runs a caller means: those it names, or else those of its filter.

    Raises `OptionInvalid` for ids beside a filter, which would be overlooked, for one text in the
    place of several ids, and for more than `BULK_MAX` ids.
    """
    if run_ids is None:
        return where
    if where != RunFilter():
        raise OptionInvalid(
            "`run_ids` and filters both say which runs are meant: give one of them. Nothing was "
            "written."
        )
    if isinstance(run_ids, Iterator):
        run_ids = list(run_ids)
    check_ids("run_ids", run_ids)
    names = list(dict.fromkeys(run_ids))
    if len(names) > BULK_MAX:
        raise OptionInvalid(
            f"`run_ids` names {len(names)} runs, and at most {BULK_MAX} are taken at once. Nothing "
            "was written; give them in parts, or choose them by a filter."
        )
    return [RunId(name) for name in names]


async def cancel_all(
    client: Client, runs: RunFilter | list[RunId], *, reason: str | None, dry_run: bool
) -> dict[RunId, CancelAnswer]:
    """Ask every run to stop; a filter means those that have not ended. Raises `OptionInvalid`."""
    check_reason(reason)
    request = RunCancelRequested(
        reason=reason, cause=CancelCause.BULK, actor=client.actor, channel=client.channel
    )
    act = partial(_cancel, client, request, dry_run=dry_run)
    return await _each(client.world, runs, act, lambda _: True)


async def pause_all(
    client: Client, runs: RunFilter | list[RunId], *, reason: str | None, dry_run: bool
) -> dict[RunId, PauseAnswer]:
    """Pause every run; a filter means those that have not ended. Raises `OptionInvalid`."""
    check_reason(reason)
    request = RunPaused(reason=reason, actor=client.actor, channel=client.channel)
    act = partial(_pause, client, request, dry_run=dry_run)
    return await _each(client.world, runs, act, lambda _: True)


async def unpause_all(
    client: Client, runs: RunFilter | list[RunId], *, dry_run: bool
) -> dict[RunId, PauseAnswer]:
    """Let every run go on; a filter means those that are paused."""
    request = RunUnpaused(actor=client.actor, channel=client.channel)
    act = partial(_pause, client, request, dry_run=dry_run)
    return await _each(client.world, runs, act, lambda row: row.paused)


async def _each(
    world: World,
    runs: RunFilter | list[RunId],
    act: Callable[[RunId], Awaitable[_A]],
    is_meant: Callable[[entity.Run], bool],
) -> dict[RunId, _A]:
    names = await _found(world, runs, is_meant) if isinstance(runs, RunFilter) else runs
    answers: dict[RunId, _A] = {}
    for first in range(0, len(names), _AT_ONCE):
        part = names[first : first + _AT_ONCE]
        found = await asyncio.gather(*map(act, part), return_exceptions=True)
        for name, answer in zip(part, found, strict=True):
            if isinstance(answer, BaseException):
                raise answer  # the world fails, and nothing of this part is under way any more
            answers[name] = answer
    return answers


async def _found(
    world: World, where: RunFilter, is_meant: Callable[[entity.Run], bool]
) -> list[RunId]:
    """Read all pages before the first request, which would move what follows."""
    open_only = replace(where, statuses=(where.statuses or _OPEN) & _OPEN)
    if not open_only.statuses:
        return []
    names: list[RunId] = []
    cursor: str | None = None
    while True:
        page = await world.list_runs(open_only, cursor=cursor, limit=PAGE_MAX)
        names.extend(row.run_id for row in page.runs if is_meant(row))
        cursor = page.next
        if cursor is None:
            return names


async def _cancel(
    client: Client, request: RunCancelRequested, run_id: RunId, *, dry_run: bool
) -> CancelAnswer:
    row = await client.world.run(run_id)
    if row is None:
        return CancelAnswer.NOT_FOUND
    if row.status.ended:
        return CancelAnswer.ENDED
    if row.cancel_requested:
        return CancelAnswer.REQUESTED
    if dry_run:
        return CancelAnswer.WOULD_CANCEL
    return await _told(client, run_id, request, CancelAnswer.REQUESTED)


async def _pause(
    client: Client, request: RunPaused | RunUnpaused, run_id: RunId, *, dry_run: bool
) -> PauseAnswer:
    pauses = isinstance(request, RunPaused)
    row = await client.world.run(run_id)
    if row is None:
        return PauseAnswer.NOT_FOUND
    if row.status.ended:
        return PauseAnswer.ENDED
    done = PauseAnswer.PAUSED if pauses else PauseAnswer.UNPAUSED
    if row.paused is pauses:
        return done
    if dry_run:
        return PauseAnswer.WOULD_PAUSE if pauses else PauseAnswer.WOULD_UNPAUSE
    return await _told(client, run_id, request, done)


async def _told(client: Client, run_id: RunId, request: Event, done: _A) -> _A:
    kind = type(done)
    try:
        refusal = await tell(client, run_id, [request])
    except LogError:
        return kind("unreadable")  # it must not keep the others from being asked
    if refusal is Refusal.MISSING:
        return kind("not_found")  # it was collected meanwhile
    return kind("ended") if refusal is Refusal.OVER else done
