"""A project and a world in a scratch folder, opened as a user's process opens them."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from wfc.api import start
from wfc.config import Session, open_session, use_session
from wfc.ids import RunId
from wfc.settings import Loaded, load_settings

T = TypeVar("T")
_HERE = Path(__file__).parent
PROJECT = "project"


@cache
def scratch(name: str = PROJECT) -> Path:
    """Make one folder for this process, on the disk of the working directory, not in memory."""
    folder = tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-")
    _KEPT.append(folder)
    project = Path(folder.name) / name
    shutil.copytree(_HERE / name, project)
    return project


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def settings(world: str, *, executions: int, project: str = PROJECT) -> Loaded:
    """Read the settings of a scratch project with another world and room for `executions`."""
    return load_settings(scratch(project), world=world, worker={"executions": executions})


@asynccontextmanager
async def stage(
    name: str, *, executions: int = 2000, project: str = PROJECT
) -> AsyncIterator[Session]:
    """Open a fresh SQLite world called `name`, with a worker that keeps so many executions."""
    database = scratch(project).parent / f"{name}.db"
    for leftover in database.parent.glob(f"{database.name}*"):
        leftover.unlink()
    world = f"sqlite:///{database}"
    session = await open_session(settings(world, executions=executions, project=project))
    try:
        await session.make_worker().start()
        async with use_session(session):
            yield session
    finally:
        await session.close()


def flows() -> ModuleType:
    """Give the measured programs, once a session has imported them."""
    return importlib.import_module("bench_flows")


def on_stage(name: str, play: Callable[[Session], Awaitable[T]], *, project: str = PROJECT) -> T:
    """Run `play` in a loop of its own on a fresh stage."""

    async def run() -> T:
        async with stage(name, project=project) as session:
            return await play(session)

    return asyncio.run(run())


async def asleep(session: Session, count: int, events: int) -> list[RunId]:
    """Start `count` runs of `ship`, and name them once each sleeps, with so many events."""
    # Besides its steps a run has three: it was created, it was started, it waits.
    runs = [RunId((await start(flows().ship, events - 3)).id) for _ in range(count)]
    for run_id in runs:
        while await _length(session, run_id) < events:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    return runs


async def _length(session: Session, run_id: RunId) -> int:
    row = await session.world.run(run_id)
    return 0 if row is None else row.length
