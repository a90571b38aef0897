"""Replay all open runs of a world on a build that nobody has deployed yet; nothing is written."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from wfc.cli.against import Side, side_of
from wfc.cli.common import Common
from wfc.cli.progress import progress
from wfc.compiler.processes import spread
from wfc.config import world_url
from wfc.errors import (
    BuildTooNew,
    BundleBroken,
    InputInvalid,
    LogError,
    RunNotFound,
    WfcError,
    WorldUnreachable,
)
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import Channel
from wfc.ids import RunId, VersionId
from wfc.manifests.store import Version, from_archive, to_archive
from wfc.runtime.exported import SUFFIX, load, read
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.upgrade_many import Tally
from wfc.runtime.verdict import UpgradeReport, Verdict
from wfc.runtime.versions import ran_in
from wfc.runtime.watchdog import Watchdog
from wfc.settings import Loaded
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter, World

_PAGE: Final = 200
_CHUNK_MIN, _CHUNK_MAX = 50, 500
"""How many runs are judged between two looks at the clock. Each chunk compares versions anew."""
_CHUNKS_EACH: Final = 8
_SCHEMES: Final = frozenset({"sqlite", "memory", "postgresql", "postgres"})
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
    in_use: frozenset[VersionId]
    versions: tuple[Side, ...]
    """Those in use that are held."""
    events: int
    took_s: float
    unread: tuple[RunId, ...] = ()


class _Who:
    """Nobody in particular: nothing is written."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.actor: str | None = None
        self.channel = Channel.CLI


def is_world(asked: str) -> bool:
    """Tell a world's URL from the other things that can be compared with."""
    return asked.partition(":")[0] in _SCHEMES and ":" in asked


def check_there(loaded: Loaded, url: str) -> None:
    """Refuse the URL of a file that is not there: a slip in it must not pass for a world without
    runs. Raises `WorldUnreachable`.
    """
    if is_missing(loaded, url):
        path = url.removeprefix("sqlite:///")
        raise WorldUnreachable(
            f"{loaded.root / path} is no file, so `--against {url}` holds no runs to look at, and "
            "a check makes no world.\nCorrect the URL; `wfc config show` names that of the "
            "settings. A relative path begins at the project."
        )


def is_missing(loaded: Loaded, url: str) -> bool:
    """Tell whether `url` names a file that is not there."""
    path = url.removeprefix("sqlite:///")
    return path != url and not (loaded.root / path).is_file()


class Checker:
    """Replays open runs on one build; `checked` adds up what became of them."""

    def __init__(self, common: Common, loaded: Loaded, new: Side, judged: Judged) -> None:
        """Replay on the build of `new`. Raises `InputInvalid` if it has no bundles."""
        if new.version is None:
            message = f"{new.name} has no bundles, so no run can be replayed on it"
            raise InputInvalid(message)
        self.checked: Checked | None = None
        self._common = common
        self._loaded = loaded
        self._version = new.version
        self._judged = judged
        self._tally = Tally(new.version.id)

    def world(self, url: str) -> None:
        """Judge the open runs of a world. Raises `WorldUnreachable`."""
        address = world_url(self._loaded, url)
        if is_missing(self._loaded, url):
            asyncio.run(self._add(MemoryWorld(), ()))  # no file, no runs; none is made
        else:
            asyncio.run(self._add(open_world(address, look=True), (), address))

    def histories(self, folder: Path) -> None:
        """Judge runs that were exported into a folder."""
        if not folder.is_dir():
            message = f"{folder} is no folder; `wfc export RUN... -o {folder}` makes one"
            raise InputInvalid(message)
        asyncio.run(self._add(MemoryWorld(), sorted(folder.glob(f"*{SUFFIX}"))))

    async def _add(self, world: World, files: Sequence[Path], address: str = "memory:") -> None:
        await world.open()
        try:
            for path in files:
                await load(read(path), world)
            found = await self._check(world, address)
        finally:
            await world.close()
        self.checked = found if self.checked is None else _both(self.checked, found)

    async def _check(self, world: World, address: str) -> Checked:
        began = time.monotonic()
        names, versions = await _open_runs(world, self._judged)
        met = {row.version: ran_in(row.environments) for row in await world.versions()}
        sides = [await _side(world, one, met.get(one, {})) for one in versions]
        limit_s = self._judged.limit_s
        tally, events, left = self._tally, 0, dict.fromkeys(names)
        jobs = self._judged.jobs or os.cpu_count() or 1
        chunk = min(max(_CHUNK_MIN, len(names) // (jobs * _CHUNKS_EACH)), _CHUNK_MAX)
        with progress(self._common, "check") as tell:
            parts = _parts(
                world,
                address,
                self._version,
                [names[at : at + chunk] for at in range(0, len(names), chunk)],
                jobs=jobs,
                deadline=None if limit_s is None else began + limit_s,
            )
            async for part in parts:
                for verdict in part.verdicts:
                    tally.add(verdict)
                for name in part.names:
                    del left[name]
                tally.errors |= part.errors
                events += part.events
                if tell is not None:
                    tell(len(names) - len(left), len(names), "")
        return Checked(
            report=tally.report(),
            in_use=frozenset(versions),
            versions=tuple(one for one in sides if one is not None),
            events=events,
            took_s=time.monotonic() - began,
            unread=tuple(left),
        )


def _both(one: Checked, two: Checked) -> Checked:
    """Add two worlds up; the report of the second tells of both."""
    known = {side.name for side in one.versions}
    return Checked(
        report=two.report,
        in_use=one.in_use | two.in_use,
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


async def _side(world: World, version: VersionId, environment: Mapping[str, str]) -> Side | None:
    """Take a version that runs are on; None if the world does not hold it, as its runs will say."""
    archive = await world.version_archive(version)
    try:
        if archive is None:
            return None
        return side_of(version, from_archive(archive), environment)
    except (BundleBroken, BuildTooNew):
        return None


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some runs; `names` are those that there was time for."""

    names: Sequence[RunId]
    verdicts: Sequence[Verdict]
    errors: Mapping[RunId, WfcError]
    """Those whose log cannot be read."""
    events: int


def _judged_there(url: str, archive: bytes, names: Sequence[RunId], deadline: float | None) -> Part:
    """Judge runs in a process of their own, which opens the world by itself."""

    async def judged() -> Part:
        world = open_world(url, look=True)
        await world.open()
        try:
            return await judge_runs(world, from_archive(archive), names, deadline)
        finally:
            await world.close()

    return asyncio.run(judged())


async def judge_runs(
    world: World, version: Version, names: Sequence[RunId], deadline: float | None = None
) -> Part:
    """Judge runs on a version that the world need not hold."""
    return await _judged_here(_upgrader(world, version), version, names, deadline)


def _upgrader(world: World, version: Version) -> Upgrader:
    upgrader = Upgrader(_Who(world), deliver=_watchdog().deliver)
    upgrader.code.add(version)
    return upgrader


@cache
def _watchdog() -> Watchdog:
    """Give the one of this process, which may judge many lots of runs."""
    return Watchdog()


async def _judged_here(
    upgrader: Upgrader, version: Version, names: Sequence[RunId], deadline: float | None
) -> Part:
    """Judge runs one after the other until the time is over."""
    verdicts: list[Verdict] = []
    events = 0
    errors: dict[RunId, WfcError] = {}
    for at, name in enumerate(names):
        if deadline is not None and time.monotonic() >= deadline:
            return Part(names[:at], verdicts, errors, events)
        try:
            judged, length = await upgrader.judge(name, version.id)
        except (LogError, RunNotFound) as error:
            errors[name] = LogError(str(error))  # plain: it may have to go to another process
            continue
        verdicts.append(judged.verdict)
        events += length
    return Part(names, verdicts, errors, events)


async def _parts(
    world: World,
    address: str,
    version: Version,
    chunks: Sequence[Sequence[RunId]],
    *,
    jobs: int,
    deadline: float | None,
) -> AsyncIterator[Part]:
    """Judge chunk by chunk until all are, or the time is over."""
    if jobs == 1 or len(chunks) <= 1 or isinstance(world, MemoryWorld):
        upgrader = _upgrader(world, version)
        for chunk in chunks:
            yield await _judged_here(upgrader, version, chunk, deadline)
        return
    archive = to_archive(version)
    # Not by the world's own `url`: that tells no password.
    work = [(address, archive, chunk, deadline) for chunk in chunks]
    for part in spread(_judged_there, work, min(jobs, len(chunks))):
        yield part
