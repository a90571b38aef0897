"""A file of an older wfc goes on where it stood."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from wfc.errors import IllegalEvent, WorldTooNew
from wfc.eventlog.event import (
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.worlds import sqlite_connect
from wfc.worlds.promises.given import (
    BOB,
    RUN,
    WAIT,
    joined,
    owned,
    step_created,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import AttemptOf, OpenRun
from wfc.worlds.sqlite import SqliteWorld


async def opened(path: Path) -> SqliteWorld:
    world = SqliteWorld(path)
    await world.open()
    return world


async def written_by_schema_2(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a run that sleeps, with a step in the queue."""
    known = [part for part in sqlite_connect._migrations() if part[0] <= 2]
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_connect, "_migrations", lambda: iter(known))
        patch.setattr(sqlite_connect, "SCHEMA", 2)
        patch.setattr(sqlite_connect, "MIN_READER", 1)
        world = await opened(path)
        owner = await owned(world)
        events = [step_created(), WaitCreated(operation_id=WAIT, wake_at=9)]
        wrote(await world.append(RUN, events, guard=owner))
        await world.close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO attempts VALUES (?, ?, 0, NULL, 0, 0, 0, 0)", (RUN, step_id(0)))
    connection.commit()
    connection.close()


async def test_what_was_queued_and_slept_before_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its rows do not say how far it had come, the log does."""
    path = tmp_path / "world.db"
    await written_by_schema_2(path, monkeypatch)
    world = await opened(path)
    await joined(world, BOB)
    guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
    start = StepStarted(operation_id=step_id(0), attempt=2, worker_id=BOB)
    with pytest.raises(IllegalEvent, match="attempt 2 cannot follow attempt 0"):
        await world.append(RUN, [start], guard=guard)
    awake = WaitCompleted(operation_id=WAIT, cause=WaitCause.WOKEN)
    wrote(await world.append(RUN, [awake], guard=OpenRun()))
    with pytest.raises(IllegalEvent, match="the wait is completed already"):
        await world.append(RUN, [awake], guard=OpenRun())
    await world.close()


async def test_older_code_leaves_a_migrated_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not keep what newer code relies on."""
    path = tmp_path / "world.db"
    await (await opened(path)).close()
    monkeypatch.setattr(sqlite_connect, "SCHEMA", 2)
    with pytest.raises(WorldTooNew, match="asks for code that knows schema 4"):
        await opened(path)
