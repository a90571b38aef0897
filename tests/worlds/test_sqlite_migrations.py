"""A file of an older wfc goes on where it stood."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from wfc.errors import IllegalEvent, WorldTooNew
from wfc.eventlog.event import (
    RunCompleted,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import RunId
from wfc.worlds import sql_versions, sqlite_connect
from wfc.worlds.promises.given import (
    BOB,
    RUN,
    VERSION,
    WAIT,
    joined,
    log,
    owned,
    started,
    step_created,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import AttemptOf, OpenRun, Owner, VersionRow
from wfc.worlds.sqlite import SqliteWorld


async def opened(path: Path) -> SqliteWorld:
    world = SqliteWorld(path)
    await world.open()
    return world


async def written_by_schema_2(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a run that sleeps, with a step in the queue.

    The rows are those of today's code, as far as that schema has tables and columns for them.
    """
    whole = path.with_name("whole.db")
    world = await opened(whole)
    owner = await owned(world)
    events = [step_created(), WaitCreated(operation_id=WAIT, wake_at=9)]
    wrote(await world.append(RUN, events, guard=owner))
    await world.close()
    known = [part for part in sqlite_connect._migrations() if part[0] <= 2]
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_connect, "_migrations", lambda: iter(known))
        patch.setattr(sqlite_connect, "SCHEMA", 2)
        patch.setattr(sqlite_connect, "MIN_READER", 1)
        await (await opened(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("ATTACH ? AS whole", (str(whole),))
    for table in ("runs", "events", "messages"):
        columns = ", ".join(
            row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")
        )
        connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM whole.{table}")  # noqa: S608 - names of ours
    connection.execute("INSERT INTO attempts VALUES (?, ?, 0, NULL, 0, 0, 0, 0)", (RUN, step_id(0)))
    connection.execute("INSERT INTO bundles VALUES (1, ?, x'010203', 'first', 7, 1)", (VERSION,))
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


async def test_versions_are_listed_that_were_registered_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the size of their archives; nobody has said yet what they mean or where they ran."""
    path = tmp_path / "world.db"
    await written_by_schema_2(path, monkeypatch)
    world = await opened(path)
    row = VersionRow(version=VERSION, registered_at=7, label="first", active=True, size=3)
    assert await world.versions() == [row]
    await world.close()


async def test_a_list_of_versions_reads_no_archive(tmp_path: Path) -> None:
    """Not even the pages that hold one, which stand before the columns behind it."""
    world = await opened(tmp_path / "world.db")
    await world.close()
    connection = sqlite3.connect(world.path)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql_versions.LISTED}").fetchall()
    connection.close()
    assert any("USING COVERING INDEX bundles_listed" in row[3] for row in plan)


async def test_older_code_leaves_a_migrated_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not keep what newer code relies on."""
    path = tmp_path / "world.db"
    await (await opened(path)).close()
    monkeypatch.setattr(sqlite_connect, "SCHEMA", 2)
    with pytest.raises(WorldTooNew, match="asks for code that knows schema 10"):
        await opened(path)


async def test_two_releases_work_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next release adds a column to each table while this one works; both go on."""
    path = tmp_path / "world.db"
    old = await opened(path)
    owner = await owned(old)
    number = sqlite_connect.SCHEMA + 1
    tables = await old._read("SELECT name FROM sqlite_schema WHERE type = 'table'")
    added = [
        f"ALTER TABLE {name} ADD COLUMN later INTEGER DEFAULT 7"
        for (name,) in tables
        if not name.startswith("sqlite_") and name != "meta"
    ]
    known = [*sqlite_connect._migrations(), (number, added)]
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_connect, "SCHEMA", number)
        patch.setattr(sqlite_connect, "_migrations", lambda: iter(known))
        new = await opened(path)
    assert await new.schema() == number
    answer = wrote(await old.append(RUN, [step_created()], guard=owner))
    end = RunCompleted(output=b"")
    wrote(await old.append(RUN, [end], guard=Owner(owner.fence, answer.length)))
    assert [one.event for one in await log(new)][-1] == end
    again = await opened(path)  # this release, on tables that are newer
    await started(again, RunId("run_7"))
    assert await new.run(RunId("run_7")) is not None
    for world in (old, new, again):
        await world.check()
        await world.close()
