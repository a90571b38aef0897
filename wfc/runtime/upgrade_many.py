"""Move many runs: each by itself, with one report. Safe to be killed at any point and repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wfc.errors import LogError, RunBusy, WorldUnreachable
from wfc.eventlog.entity import RunStatus
from wfc.ids import RunId, VersionId
from wfc.manifests.levels import Reason
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.verdict import Answer, Group, UpgradeReport, Verdict
from wfc.worlds.protocol import RunFilter, World

_PAGE: Final = 200
_ROUNDS: Final = 3
_SHOWN: Final = 5
_OPEN: Final = frozenset(status.value for status in RunStatus if not status.ended)
Progress = Callable[[int, int], None]
"""Hears how many runs were looked at, and how many there are to look at so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """How many runs are to be moved. `limit` runs at most; `refused_max` refusals end it."""

    to: VersionId
    dry_run: bool = False
    accept: Collection[str] = ()
    limit: int | None = None
    batch_size: int = 100
    concurrency: int = 4
    refused_max: int | None = None
    timeout_s: float = 10.0
    on_progress: Progress | None = None
    instead: Callable[[Verdict], Awaitable[RunId]] | None = None
    """What is done with a refused run: the id of the run that takes its place."""


@dataclass(slots=True)
class Tally:
    """Verdicts, counted and put to those of their kind."""

    to: VersionId
    seen: int = 0
    counts: dict[Answer, int] = field(default_factory=lambda: dict.fromkeys(Answer, 0))
    rerun: int = 0
    failed: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    groups: dict[tuple[str, str], list[RunId]] = field(default_factory=dict)
    sentences: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        """Count a verdict, and put it to those of its kind."""
        self.counts[verdict.answer] += 1
        self.verdicts.append(verdict)
        for reason in (*verdict.reasons[:1], *verdict.notes):
            self._group(reason, verdict)

    def _group(self, reason: Reason, verdict: Verdict) -> None:
        divergence = verdict.divergence
        name = "" if divergence is None else divergence.recorded.operation_id
        key = reason.code, name.rpartition("#")[0]
        self.groups.setdefault(key, []).append(verdict.run_id)
        self.sentences.setdefault(key, reason.sentence)

    def refused(self) -> int:
        """Count those that do not move."""
        return self.counts[Answer.STAY] + self.counts[Answer.CANNOT]

    def report(self) -> UpgradeReport:
        """Give the counts and groups, the largest group first."""
        ordered = sorted(self.groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return UpgradeReport(
            to_version=self.to,
            moved=self.counts[Answer.MOVE],
            stayed=self.counts[Answer.STAY] - self.rerun,
            cannot=self.counts[Answer.CANNOT],
            rerun=self.rerun,
            failed=self.failed,
            groups=tuple(
                Group(
                    code=code,
                    site=site,
                    sentence=self.sentences[code, site],
                    count=len(runs),
                    run_ids=tuple(runs[:_SHOWN]),
                )
                for (code, site), runs in ordered
            ),
            verdicts=tuple(self.verdicts),
        )


async def upgrade_many(
    upgrader: Upgrader, runs: RunFilter | Sequence[RunId], many: Many
) -> UpgradeReport:
    """Judge every run, and move those that may. A history that cannot be read is an entry.

    Raises `VersionUnknown`, `WorldUnreachable`; what was moved before stays moved.
    """
    tally = Tally(many.to)
    busy: list[RunId] = []
    async for batch in _batches(upgrader.world, runs, many):
        busy += await _round(upgrader, batch, many, tally)
        if many.refused_max is not None and tally.refused() > many.refused_max:
            break
    for number in range(_ROUNDS):
        if not busy:
            break
        await asyncio.sleep(0 if number == 0 else 1.0)
        busy = await _round(upgrader, busy, many, tally)
    tally.failed += len(busy)
    return tally.report()


async def _batches(
    world: World, runs: RunFilter | Sequence[RunId], many: Many
) -> AsyncIterator[list[RunId]]:
    left = many.limit
    async for names in _pages(world, runs, many.batch_size):
        chosen = names if left is None else names[:left]
        if chosen:
            yield chosen
        if left is not None:
            left -= len(chosen)
            if left <= 0:
                return


async def _pages(
    world: World, runs: RunFilter | Sequence[RunId], size: int
) -> AsyncIterator[list[RunId]]:
    if not isinstance(runs, RunFilter):
        for start in range(0, len(runs), size):
            yield list(runs[start : start + size])
        return
    where = runs if runs.statuses else replace(runs, statuses=_OPEN)
    cursor: str | None = None
    while True:
        page = await world.list_runs(where, cursor=cursor, limit=min(size, _PAGE))
        yield [row.run_id for row in page.runs]
        cursor = page.next
        if cursor is None:
            return


async def _round(
    upgrader: Upgrader, names: Sequence[RunId], many: Many, tally: Tally
) -> list[RunId]:
    """Deal with some runs; give those that somebody else held all the time."""
    room = asyncio.Semaphore(many.concurrency)
    busy: list[RunId] = []

    async def one(name: RunId) -> None:
        async with room:
            try:
                verdict = await upgrader.upgrade(
                    name,
                    many.to,
                    dry_run=many.dry_run,
                    accept=many.accept,
                    timeout=many.timeout_s,
                )
            except RunBusy:
                busy.append(name)
                return
            except WorldUnreachable:
                raise
            except LogError:
                tally.failed += 1
            else:
                tally.add(verdict)
                if not verdict and many.instead is not None and not many.dry_run:
                    await many.instead(verdict)
                    tally.rerun += 1
            tally.seen += 1
            if many.on_progress is not None:
                many.on_progress(tally.seen, tally.seen + len(busy))

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))
    return busy
