"""Replay all open runs of a world on a build that nobody has deployed yet; nothing is written."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wfc.cli.against import Side, side_of
from wfc.cli.common import Common
from wfc.cli.progress import progress
from wfc.compiler.processes import spread
from wfc.config import world_url
from wfc.errors import InputInvalid, LogError, RunNotFound
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import Channel
from wfc.ids import RunId, VersionId
from wfc.manifests.store import Version, from_archive, to_archive
from wfc.runtime.exported import SUFFIX, load, read
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.upgrade_many import Tally
from wfc.runtime.verdict import UpgradeReport, Verdict
from wfc.settings import Loaded
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter, World

_PAGE: Final = 200
_CHUNK: Final = 50
_OPEN: Final = frozenset(status.value for status in RunStatus if not status.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How runs are to be judged: by how many processes, which of them, and for how long."""

    jobs: int = 0
    failed: bool = False
    limit_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of the runs, and the versions that they are on."""

    report: UpgradeReport
    versions: tuple[Side, ...]
    events: int
    took_s: float
    unread: tuple[RunId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Who:
    world: World
    actor: str | None = None
    channel: Channel = Channel.CLI


def is_world(asked: str) -> bool:
    """Tell a world's URL from the other things that can be compared with."""
    return asked.partition(":")[0] in {"sqlite", "memory", "postgresql", "postgres"} and ":" in asked


def check_world(
    common: Common, loaded: Loaded, url: str, new: Side, judged: Judged, before: Checked | None
) -> Checked:
    """Judge the open runs of a world."""
    version = _version(new)
    return asyncio.run(_check(common, world_url(loaded, url), None, version, judged, before))


def check_histories(
    common: Common, loaded: Loaded, folder: Path, new: Side, judged: Judged, before: Checked | None
) -> Checked:
    """Judge runs that were exported into a folder."""
    del loaded
    if not folder.is_dir():
        message = f"{folder} is no folder; `wfc export RUN... -o {folder}` makes one"
        raise InputInvalid(message)
    return asyncio.run(_check(common, "memory:", folder, _version(new), judged, before))


def _version(new: Side) -> Version:
    if new.version is None:
        message = f"{new.name} has no bundles, so no run can be replayed on it"
        raise InputInvalid(message)
    return new.version


async def _check(
    common: Common,
    url: str,
    folder: Path | None,
    version: Version,
    judged: Judged,
    before: Checked | None,
) -> Checked:
    world: World = MemoryWorld() if folder is not None else open_world(url)
    await world.open()
    try:
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder is not None else ():
            await load(read(path), world)
        began = time.monotonic()
        names, versions = await _open_runs(world, judged)
        sides = tuple([await _side(world, one) for one in versions])
        parallel = folder is None and not url.startswith("memory")
        jobs = (judged.jobs or os.cpu_count() or 1) if parallel else 1
        chunks = [names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK)]
        deadline = None if judged.limit_s is None else began + judged.limit_s
        tally, events, left = Tally(version.id), 0, dict.fromkeys(names)
        with progress(common, "check") as tell:
            parts = _parts(world, version, chunks, url=url, jobs=jobs, deadline=deadline)
            async for part in parts:
                for verdict in part.verdicts:
                    tally.add(verdict)
                for name in part.names:
                    del left[name]
                tally.failed += part.failed
                events += part.events
                if tell is not None:
                    tell(len(names) - len(left), len(names), "")
    finally:
        await world.close()
    took = time.monotonic() - began
    found = Checked(
        report=tally.report(),
        versions=sides,
        events=events,
        took_s=took,
        unread=tuple(left),
    )
    return found if before is None else _both(before, found)


def _both(one: Checked, two: Checked) -> Checked:
    report = replace(
        two.report,
        moved=one.report.moved + two.report.moved,
        stayed=one.report.stayed + two.report.stayed,
        cannot=one.report.cannot + two.report.cannot,
        failed=one.report.failed + two.report.failed,
        groups=(*one.report.groups, *two.report.groups),
        verdicts=(*one.report.verdicts, *two.report.verdicts),
    )
    known = {side.name for side in one.versions}
    return Checked(
        report=report,
        versions=(*one.versions, *(side for side in two.versions if side.name not in known)),
        events=one.events + two.events,
        took_s=one.took_s + two.took_s,
        unread=(*one.unread, *two.unread),
    )


async def _open_runs(world: World, judged: Judged) -> tuple[list[RunId], list[VersionId]]:
    statuses = _OPEN | {RunStatus.FAILED.value} if judged.failed else _OPEN
    names: list[RunId] = []
    versions: dict[VersionId, None] = {}
    cursor: str | None = None
    while True:
        page = await world.list_runs(RunFilter(statuses=statuses), cursor=cursor, limit=_PAGE)
        names += [row.run_id for row in page.runs]
        versions |= dict.fromkeys(row.version for row in page.runs)
        cursor = page.next
        if cursor is None:
            return names, list(versions)


async def _side(world: World, version: VersionId) -> Side:
    archive = await world.version_archive(version)
    if archive is None:
        message = f"version {version}, which open runs are on, is not held by {world.url}"
        raise InputInvalid(message)
    return side_of(version, from_archive(archive))


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of some runs."""

    names: Sequence[RunId]
    verdicts: Sequence[Verdict]
    failed: int
    """How many have a log that cannot be read."""
    events: int


def _judged_there(url: str, archive: bytes, names: Sequence[RunId]) -> _Part:
    """Judge runs in a process of their own, which opens the world by itself."""

    async def judged() -> _Part:
        world = open_world(url)
        await world.open()
        try:
            return await _judged_here(world, from_archive(archive), names)
        finally:
            await world.close()

    return asyncio.run(judged())


async def _judged_here(world: World, version: Version, names: Sequence[RunId]) -> _Part:
    upgrader = Upgrader(_Who(world))
    upgrader.code.add(version)
    verdicts, failed, events = [], 0, 0
    for name in names:
        try:
            judged, length = await upgrader.judge(name, version.id)
        except (LogError, RunNotFound):
            failed += 1
            continue
        verdicts.append(judged.verdict)
        events += length
    return _Part(names, verdicts, failed, events)


async def _parts(
    world: World,
    version: Version,
    chunks: Sequence[Sequence[RunId]],
    *,
    url: str,
    jobs: int,
    deadline: float | None,
) -> AsyncIterator[_Part]:
    """Judge chunk by chunk until all are, or the time is over."""
    if jobs == 1 or len(chunks) == 1:
        for chunk in chunks:
            if deadline is not None and time.monotonic() >= deadline:
                return
            yield await _judged_here(world, version, chunk)
        return
    archive = to_archive(version)
    work = [(url, archive, chunk) for chunk in chunks]
    for part in spread(_judged_there, work, min(jobs, len(chunks))):
        yield part
        if deadline is not None and time.monotonic() >= deadline:
            return
