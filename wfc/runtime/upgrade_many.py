"""Move many runs: each by itself, with one report. Safe to be killed at any point and repeated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from wfc.errors import LogError, RunBusy, RunNotFound, WfcError, WorldError
from wfc.eventlog.entity import RunStatus
from wfc.ids import RunId, VersionId
from wfc.manifests.levels import Reason
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.verdict import Answer, Group, UpgradeReport, Verdict
from wfc.worlds.protocol import RunFilter, World

_LOG: Final = logging.getLogger("wfc.upgrade")
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
    there: int = 0
    rerun: int = 0
    errors: dict[RunId, WfcError] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    groups: dict[tuple[Answer, str, str], dict[RunId, None]] = field(default_factory=dict)
    sentences: dict[tuple[Answer, str, str], str] = field(default_factory=dict)

    def add(self, verdict: Verdict, *, is_rerun: bool = False) -> None:
        """Count a verdict, and put it to those of its kind."""
        if is_rerun:
            self.rerun += 1
        elif verdict.is_there:
            self.there += 1
        else:
            self.counts[verdict.answer] += 1
        self.verdicts.append(verdict)
        for reason in (*verdict.reasons[:1], *verdict.notes):
            self._group(reason, verdict)

    def _group(self, reason: Reason, verdict: Verdict) -> None:
        divergence = verdict.divergence
        name = "" if divergence is None else divergence.recorded.operation_id
        key = verdict.answer, reason.code, name.rpartition("#")[0]
        self.groups.setdefault(key, {})[verdict.run_id] = None
        self.sentences.setdefault(key, reason.sentence)

    def refused(self) -> int:
        """Count those that do not move."""
        return self.counts[Answer.STAY] + self.counts[Answer.CANNOT] + self.rerun

    def report(self) -> UpgradeReport:
        """Give the counts and groups, the largest group first."""
        ordered = sorted(self.groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return UpgradeReport(
            to_version=self.to,
            moved=self.counts[Answer.MOVE],
            there=self.there,
            stayed=self.counts[Answer.STAY],
            cannot=self.counts[Answer.CANNOT],
            rerun=self.rerun,
            errors=dict(self.errors),
            groups=tuple(
                Group(
                    answer=answer,
                    code=code,
                    site=site,
                    sentence=self.sentences[answer, code, site],
                    count=len(runs),
                    run_ids=tuple(islice(runs, _SHOWN)),
                )
                for (answer, code, site), runs in ordered
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
    busy: dict[RunId, WfcError] = {}
    async for batch in _batches(upgrader.world, runs, many):
        busy |= await _round(upgrader, batch, many, tally)
        if many.refused_max is not None and tally.refused() > many.refused_max:
            break
    for number in range(_ROUNDS):
        if not busy:
            break
        await asyncio.sleep(0 if number == 0 else 1.0)
        busy = await _round(upgrader, list(busy), many, tally)
    tally.errors |= busy
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
) -> dict[RunId, WfcError]:
    """Deal with some runs; give those that somebody else held all the time."""
    room = asyncio.Semaphore(many.concurrency)
    busy: dict[RunId, WfcError] = {}

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
            except RunBusy as error:
                busy[name] = error
                return
            except (LogError, RunNotFound) as error:
                tally.errors[name] = error
            else:
                tally.add(verdict, is_rerun=await _is_replaced(verdict, many))
            tally.seen += 1
            if many.on_progress is not None:
                many.on_progress(tally.seen, tally.seen + len(busy))

    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))
    except* WfcError as several:
        raise several.exceptions[0] from None  # the others failed alike: the world, the new version
    return busy


async def _is_replaced(verdict: Verdict, many: Many) -> bool:
    """Let another run take the place of one that may not move; False if none can, or should."""
    if many.instead is None or many.dry_run or verdict or verdict.is_over:
        return False
    try:
        await many.instead(verdict)
    except WorldError:
        raise
    except WfcError as error:
        _LOG.warning("run %s was not begun anew: %s", verdict.run_id, error)
        return False
    return True
