"""What SQLite alone has to show of retention: nothing is left behind, and nothing is searched."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from wfc.eventlog.event import RunCompleted, RunRestarted
from wfc.worlds import rules, sql_gc
from wfc.worlds.promises.given import (
    ENDS,
    OTHER,
    RUN,
    VERSION,
    hook_created,
    owned,
    step_done,
    wrote,
)
from wfc.worlds.promises.streams import by, child_of_other, to_out
from wfc.worlds.protocol import Appended
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


async def test_an_endless_run_has_as_many_writers_as_write(tmp_path: Path) -> None:
    """Not one more each turn: what its steps, and children that have ended, wrote is forgotten."""
    world = SqliteWorld(tmp_path / "world.db")
    await world.open()
    above, guard = await child_of_other(world)
    wanted = to_out(b"a", step=by(begins=True))
    for number in range(3):
        own = to_out(b"b", step=by(number, begins=True))
        assert await world.write_chunks(OTHER, own, guard=above)
    assert await world.write_chunks(OTHER, wanted, guard=guard, writer=RUN)
    for end, left in ((None, 1), (RunCompleted(output=b""), 0)):
        if end is not None:
            wrote(await world.append(RUN, [end], guard=guard))
        restarted = RunRestarted(
            chapter=2 + (end is not None), arguments=b"", seed=bytes(32), version=VERSION,
            fingerprint="f" * 32,
        )  # fmt: skip
        answer = await world.append(OTHER, [restarted], guard=above)
        assert isinstance(answer, Appended)
        above = replace(above, length=above.length + 1)
        with closing(sqlite3.connect(world.path)) as connection:
            assert connection.execute("SELECT count(*) FROM stream_writers").fetchone() == (left,)
    await world.close()
