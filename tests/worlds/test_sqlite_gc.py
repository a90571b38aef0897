"""What SQLite alone has to show of retention: nothing is left behind, and nothing is searched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from wfc.worlds import rules, sql_gc
from wfc.worlds.promises.given import ENDS, OTHER, RUN, hook_created, owned, step_done, wrote
from wfc.worlds.sqlite import SqliteWorld


async def test_every_table_of_a_run_is_emptied(tmp_path: Path) -> None:
    """A table that somebody adds and forgets here would keep rows of runs that are gone."""
    world = SqliteWorld(tmp_path / "world.db")
    await world.open()
    await world.close()
    connection = sqlite3.connect(world.path)
    tables = connection.execute(
        "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND c.name = 'run_id'"
    ).fetchall()
    connection.close()
    assert {name for (name,) in tables} == set(sql_gc.TABLES)
    assert sql_gc.TABLES[-1] == "runs"


async def test_runs_that_may_have_expired_are_found_by_index(tmp_path: Path) -> None:
    """The sweeper looks every some seconds, however many runs there are."""
    world = SqliteWorld(tmp_path / "world.db")
    await world.open()
    await world.close()
    connection = sqlite3.connect(world.path)
    values = sql_gc.values_of(1, None, 0)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql_gc.COUNTED}", values).fetchall()
    connection.close()
    told = " ".join(row[3] for row in plan)
    assert "SCAN runs" not in told
    assert "SEARCH runs USING INDEX runs_ended" in told
    assert "SEARCH runs USING INDEX runs_expiring" in told


async def test_no_collection_is_longer_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write in between; a run that is more by itself goes alone, with its large payload."""
    monkeypatch.setattr(rules, "COLLECTED_EVENTS_MAX", 4)
    world = SqliteWorld(tmp_path / "world.db")
    await world.open()
    for run_id in (RUN, OTHER):
        owner = await owned(world, run_id)
        large = step_done(output=bytes(100_000))
        events = [large, step_done(1), hook_created(run_id), ENDS[0][0]]
        wrote(await world.append(run_id, events, guard=owner))
    assert await world.gc(kept_us=0) == (RUN,)
    assert await world.gc(kept_us=0) == (OTHER,)
    await world.close()
    connection = sqlite3.connect(world.path)
    for table in sql_gc.TABLES:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608 - names of ours
    connection.close()
