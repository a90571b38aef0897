"""What `wfc doctor` sees of the world: is it sound, who works there, and who waits in vain."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wfc import errors
from wfc.cli import output
from wfc.cli.checkup import Check, State
from wfc.cli.doctor_ends import of_ends, of_schedules
from wfc.cli.session import opened
from wfc.clock import MICROSECONDS
from wfc.config import Session, world_url
from wfc.eventlog.entity import Run, RunStatus
from wfc.ids import VersionId
from wfc.runtime.spans_of_time import span
from wfc.settings import Loaded
from wfc.worlds.protocol import RunFilter, WorkerRow

FREE_BYTES_MIN: Final = 512 * 1024 * 1024
_FULL_BYTES: Final = 1024 * 1024
_PAGE: Final = 200
_OVERDUE_US: Final = 60 * MICROSECONDS
"""A message that is due for so long is not merely waiting for its turn."""
_FAR: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs",
     "nfs4", "smb2", "smb3", "smbfs"}
)  # fmt: skip
_MOUNTS: Final = Path("/proc/mounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the world said of itself."""

    url: str
    now: int
    runs: list[Run]
    held: frozenset[VersionId]
    workers: Sequence[WorkerRow]
    due: int | None
    by_clock: list[Check]


def of_world(loaded: Loaded) -> Iterator[Check]:
    """Look at the world of a project."""
    yield from of_file_system(world_url(loaded))
    yield from of_disk(world_url(loaded))
    try:
        seen = asyncio.run(_look(loaded))
    except errors.WfcError as problem:
        yield Check(State.BAD, f"{problem.code or ''} world".strip(), str(problem))
        return
    yield Check(State.GOOD, "world", seen.url)
    yield _of_workers(seen)
    yield from _of_messages(seen)
    yield from _without_version(seen)
    yield from seen.by_clock
    for run in seen.runs:
        if run.blocked is None:
            continue
        advice = f"when that is mended: wfc doctor --unblock {run.run_id}"
        yield Check(State.BAD, f"blocked run {run.run_id}", f"{run.blocked}; {advice}")


async def _look(loaded: Loaded) -> _Seen:
    async with opened(loaded) as session:
        world = session.world
        await world.check()
        return _Seen(
            url=world.url,
            now=world.now_us(),
            runs=await _open_runs(session),
            held=frozenset(one.version for one in await world.versions()),
            workers=await world.workers(),
            due=await world.next_due(),
            by_clock=[*await of_ends(world), *await of_schedules(world)],
        )


def of_file_system(url: str, mounts: Path = _MOUNTS) -> Iterator[Check]:
    """Look whether a file of SQLite is on another machine, where its locks may not hold."""
    path = url.removeprefix("sqlite:///")
    if path == url or sys.platform != "linux":
        return
    kind = _kind_of(Path(path).parent.resolve(), mounts)
    if kind in _FAR:
        advice = "locks may not hold there, so the file may be damaged; move it to a local disk"
        yield Check(State.BAD, "file system", f"{path} is on {kind}: {advice}")
    elif kind is not None:
        yield Check(State.GOOD, "file system", kind)


def of_disk(url: str) -> Iterator[Check]:
    """Look whether there is room to write where a file of SQLite is, which may be its own disk."""
    path = url.removeprefix("sqlite:///")
    folder = Path(path).parent
    if path == url or not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    found = f"{free // 1024 // 1024} MiB free at {folder}"
    if free < _FULL_BYTES:
        advice = "runs are read and no more written; free some space, and workers go on"
        yield Check(State.BAD, "WFC950 disk of the world", f"{found}: {advice}")
    else:
        state = State.GOOD if free >= FREE_BYTES_MIN else State.WARNING
        yield Check(state, "disk of the world", found)


def _kind_of(folder: Path, mounts: Path) -> str | None:
    """Say of which kind the file system is that holds a folder."""
    found: tuple[int, str] | None = None
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split(" ")
        if len(words) > 2:  # noqa: PLR2004 - what is mounted, where, and its kind
            place = Path(words[1].replace("\\040", " "))
            depth = len(place.parts)
            if folder.is_relative_to(place) and (found is None or depth >= found[0]):
                found = depth, words[2]
    return None if found is None else found[1]


def _of_workers(seen: _Seen) -> Check:
    """Count who is awake, by the queues they serve."""
    if not seen.workers:
        if not seen.runs:
            return Check(State.GOOD, "workers", "none awake, and no open runs")
        waiting = output.counted(len(seen.runs), "open run")
        return Check(State.WARNING, "workers", f"none awake, and {waiting}; start `wfc worker`")
    counts = Counter(",".join(sorted(row.queues)) or "all queues" for row in seen.workers)
    told = ", ".join(f"{count} for {queues}" for queues, count in sorted(counts.items()))
    return Check(State.GOOD, "workers", f"{len(seen.workers)} awake: {told}")


def _of_messages(seen: _Seen) -> Iterator[Check]:
    """Tell of work that is due and that nobody takes."""
    late = 0 if seen.due is None else seen.now - seen.due
    if late < _OVERDUE_US:
        return
    why = (
        "no worker is awake"
        if not seen.workers
        else "the workers that are awake are busy, or serve other queues"
    )
    yield Check(State.WARNING, "messages", f"the first is due for {span(late)}: {why}")


def _without_version(seen: _Seen) -> Iterator[Check]:
    """Tell of versions that open runs are pinned to and that no worker can have."""
    for version, count in sorted(Counter(run.version for run in seen.runs).items()):
        if version not in seen.held:
            whose = f"{output.counted(count, 'open run')} {'is' if count == 1 else 'are'} pinned"
            yield Check(
                State.BAD,
                f"WFC691 version {version}",
                f"{whose} to it, and the world does not hold it: start a worker of that build, "
                "or move the runs by wfc upgrade",
            )


async def _open_runs(session: Session) -> list[Run]:
    where = RunFilter(statuses=frozenset({RunStatus.PENDING, RunStatus.SUSPENDED}))
    found: list[Run] = []
    cursor = None
    while True:
        page = await session.world.list_runs(where, cursor=cursor, limit=_PAGE)
        found += page.runs
        cursor = page.next
        if cursor is None:
            return found
