"""A PostgreSQL world is opened only where it can keep its promises, and says what is in the way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.postgres_server import Database, with_database
from wfc.clock import VirtualClock
from wfc.errors import (
    WfcError,
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldReadOnly,
    WorldTooNew,
    WorldUnreachable,
)
from wfc.eventlog.event import RunCompleted
from wfc.worlds import postgres_connect, postgres_errors, postgres_lane
from wfc.worlds.postgres import PostgresWorld
from wfc.worlds.postgres_connect import refuse_pooler, verify
from wfc.worlds.promises.given import ALICE, RUN, joined, log, owned, started, step_done, wrote
from wfc.worlds.protocol import RunFilter
from wfc.worlds.sqlite import SqliteWorld


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


async def opened(url: str, **options: Any) -> PostgresWorld:
    world = PostgresWorld(url, **options)
    await world.open()
    return world


@pytest.fixture
async def world(url: str) -> AsyncIterator[PostgresWorld]:
    made = await opened(url)
    yield made
    await made.close()


# --- looking -------------------------------------------------------------------------------------


async def test_who_only_looks_writes_nothing(world: PostgresWorld, url: str) -> None:
    """Neither by the doors of a world nor, says the server, by a statement."""
    await started(world)
    look = await opened(url, look=True)
    assert [run.run_id for run in (await look.list_runs(RunFilter())).runs] == [RUN]
    for write in (look.check(), started(look), joined(look)):
        with pytest.raises(WorldReadOnly):
            await write
    with pytest.raises(WorldReadOnly):
        await look._read("DELETE FROM runs RETURNING run_id")
    assert [run.run_id for run in (await world.list_runs(RunFilter())).runs] == [RUN]
    await look.close()


async def test_who_only_looks_brings_no_tables_up_to_date(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says who does."""
    monkeypatch.setattr(postgres_connect, "SCHEMA", postgres_connect.SCHEMA + 1)
    with pytest.raises(WorldUnreachable, match="wfc db migrate"):
        await opened(url, look=True)


# --- opening -------------------------------------------------------------------------------------


async def test_it_is_opened_and_closed_as_often_as_one_likes(url: str) -> None:
    """And says so when it is not open."""
    world = PostgresWorld(url)
    for work in (world.run(RUN), world.check(), started(world), owned(world)):
        with pytest.raises(WorldUnreachable, match="not open"):
            await work
    with pytest.raises(WorldUnreachable, match="not open"):
        world.renew(ALICE, lease_s=1)
    await world.open()
    await world.open()
    await started(world)
    writer = world._writer
    assert writer is not None
    await world.close()
    await world.close()
    with pytest.raises(WorldUnreachable, match="is closed"):
        writer.call_blocking(lambda _: None)
    again = await opened(url)
    assert len(await log(again)) == 1
    await again.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("/", "/nowhere-"), "no such database"),
        (("host=/", "host=/nowhere/"), "cannot be reached"),
        (("postgresql://wfc@", "postgresql://nobody@"), "refused|lets nobody in"),
        (("?host=", "?sslmode=wrong&host="), "no address of PostgreSQL"),
        (("?", "?synchronous_commit=off&"), "synchronous_commit=off"),
    ],
)
async def test_what_is_in_the_way_is_said(url: str, change: tuple[str, str], says: str) -> None:
    """Without the password."""
    if change[0] == "/":
        changed = with_database(url, "nowhere")
    else:
        assert change[0] in url
        changed = url.replace(*change)
    changed = changed.replace("@", ":s3cret@", 1)
    with pytest.raises(WorldError, match=says) as caught:
        await opened(changed)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in PostgresWorld(changed).url


class Server:
    """Answers as an old server, or one that a pooler stands before."""

    def __init__(self, **found: Any) -> None:
        self.found = found

    async def fetchrow(self, _statement: str) -> dict[str, Any]:
        return self.found


async def test_an_old_server_is_refused() -> None:
    """It lacks what the statements need."""
    with pytest.raises(WorldUnreachable, match="PostgreSQL 13; wfc needs 14"):
        await verify(Server(version=13, synchronous_commit="on"), "postgresql://h/d")  # type: ignore[arg-type]  # answers like one


class Pooled:
    """A connection whose session ends with each transaction, if there is a pooler."""

    def __init__(self, kept: str | None) -> None:
        self.kept = kept

    async def execute(self, _statement: str) -> None:
        return None

    async def fetchval(self, _statement: str) -> str | None:
        return self.kept

    def transaction(self) -> Pooled:
        return self

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_a_pooler_in_transaction_mode_is_refused() -> None:
    """Its sessions are of one transaction each."""
    one: Any = Pooled(None)
    with pytest.raises(WorldUnreachable, match="pooler in transaction mode"):
        await refuse_pooler(one, one, "postgresql://h/d")


async def test_a_pooler_in_session_mode_is_let_be(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hides the server's process is looked at more closely; a real session keeps all."""
    monkeypatch.setattr(asyncpg.Connection, "get_server_pid", lambda _: -1)
    world = await opened(url)
    await started(world)
    await world.close()


async def test_what_can_only_be_read_is_read(url: str) -> None:
    """Each write is refused, and says why."""
    await (await opened(url)).close()
    world = await opened(url.replace("?", "?default_transaction_read_only=on&"))
    assert (await world.list_runs(RunFilter())).runs == ()
    with pytest.raises(WorldReadOnly, match="cannot be written"):
        await started(world)
    with pytest.raises(WorldReadOnly):
        await world.check()
    await world.close()


async def test_damage_is_found(world: PostgresWorld, postgres_database: Database) -> None:
    """A log that is shorter than its head says."""
    owner = await owned(world)
    wrote(await world.append(RUN, [step_done()], guard=owner))
    await world.check()
    await asyncio.to_thread(postgres_database.execute, "DELETE FROM wfc.events WHERE position = 2")
    with pytest.raises(WorldCorrupt, match="restore a backup"):
        await world.check()


# --- tables --------------------------------------------------------------------------------------


async def test_a_new_database_is_migrated_once(url: str, postgres_database: Database) -> None:
    """However many open it at once."""
    await asyncio.to_thread(postgres_database.execute, "DROP SCHEMA IF EXISTS wfc CASCADE")
    worlds = await asyncio.gather(*(opened(url) for _ in range(6)))
    assert {await world.schema() for world in worlds} == {postgres_connect.SCHEMA}
    for world in worlds:
        await world.close()


async def test_a_newer_world_is_refused(url: str, postgres_database: Database) -> None:
    """If it says that this code must not work on it."""
    await (await opened(url)).close()
    setting = "UPDATE wfc.meta SET value = $1 WHERE key = 'min_reader'"
    await asyncio.to_thread(postgres_database.execute, setting, "1000")
    try:
        with pytest.raises(WorldTooNew, match="Install a newer wfc"):
            await opened(url)
    finally:
        await asyncio.to_thread(
            postgres_database.execute, setting, str(postgres_connect.MIN_READER)
        )


async def test_two_releases_work_side_by_side(
    url: str, postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next release adds columns and tables while this one works; both go on."""
    old = await opened(url)
    owner = await owned(old)
    tables = [
        row["tablename"]
        for row in await asyncio.to_thread(
            postgres_database.execute,
            "SELECT tablename FROM pg_tables WHERE schemaname = 'wfc' AND tablename <> 'meta'",
        )
    ]
    number = postgres_connect.SCHEMA + 1
    added = ";".join(f"ALTER TABLE {name} ADD COLUMN later bigint DEFAULT 7" for name in tables)
    known = [*postgres_connect.migrations(), (number, added)]
    with monkeypatch.context() as patch:
        patch.setattr(postgres_connect, "SCHEMA", number)
        patch.setattr(postgres_connect, "migrations", lambda: iter(known))
        new = await opened(url)
    try:
        assert await new.schema() == number
        answer = wrote(await old.append(RUN, [step_done()], guard=owner))
        end = RunCompleted(output=b"")
        guard = type(owner)(owner.fence, answer.length)
        wrote(await old.append(RUN, [end], guard=guard))
        assert [one.event for one in await log(new)][-1] == end
        again = await opened(url)  # this release, on tables that are newer
        await started(again, run_id=type(RUN)("run_7"))
        await again.close()
    finally:
        await old.close()
        await new.close()
        await asyncio.to_thread(postgres_database.execute, "DROP SCHEMA wfc CASCADE")


async def test_both_databases_have_the_same_tables(world: PostgresWorld, tmp_path: Path) -> None:
    """With the same columns, in the same order: the statements are the same."""
    other = SqliteWorld(tmp_path / "world.db")
    await other.open()
    await other.close()
    connection = sqlite3.connect(tmp_path / "world.db")
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    ]
    wanted = {
        name: sorted(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))
        for name in names
    }
    runs = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    connection.close()
    rows = await world._read(
        "SELECT table_name::text, column_name::text FROM information_schema.columns"
        " WHERE table_schema = 'wfc' ORDER BY ordinal_position"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    assert found["runs"] == runs
    for own in ("lanes", "news"):
        found.pop(own, None)
    assert {name: sorted(columns) for name, columns in found.items()} == wanted
    assert world.now_us() > 0


# --- time ----------------------------------------------------------------------------------------


async def test_time_is_the_database_s(world: PostgresWorld, url: str) -> None:
    """Unless a clock was given."""
    ((told,),) = await world._read(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    )
    assert abs(world.now_us() - told) < 2_000_000
    clock = VirtualClock()
    other = PostgresWorld(url, clock=clock)
    assert other.now_us() == clock.now_us()


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (asyncpg.DiskFullError("x"), WorldFull),
        (asyncpg.ReadOnlySQLTransactionError("x"), WorldReadOnly),
        (asyncpg.InsufficientPrivilegeError("x"), WorldReadOnly),
        (asyncpg.LockNotAvailableError("x"), WorldLocked),
        (asyncpg.DataCorruptedError("x"), WorldCorrupt),
        (asyncpg.InvalidPasswordError("x"), WorldUnreachable),
        (asyncpg.CannotConnectNowError("x"), WorldUnreachable),
        (asyncpg.QueryCanceledError("x"), WorldError),
        (OSError("x"), WorldUnreachable),
        (TimeoutError(), WorldUnreachable),
    ],
)
def test_an_error_is_told_in_words_of_wfc(error: BaseException, meaning: type[WorldError]) -> None:
    """With the server's own, and without the password."""
    told = postgres_errors.translate(error, "postgresql://ana:s3cret@h/d")
    assert type(told) is meaning
    assert (str(error) or "TimeoutError") in str(told)
    assert "postgresql://ana@h/d" in str(told)
    assert "s3cret" not in str(told)


def test_wrong_values_are_no_lost_connection() -> None:
    """To try again would not help."""
    assert postgres_errors.is_lost(asyncpg.InterfaceError("closed"))
    assert not postgres_errors.is_lost(asyncpg.DataError("a text where a number goes"))
    assert not postgres_errors.is_lost(WfcError("mine"))


# --- writes that fail ----------------------------------------------------------------------------


async def test_a_write_that_fails_harms_no_other(world: PostgresWorld) -> None:
    """Whether it fails before or after it wrote something, or in the database."""

    def before(_: Any) -> None:
        raise ValueError("before")

    def after(transaction: Any) -> None:
        transaction.execute("INSERT INTO pruned VALUES (?)", ("v",))
        raise ValueError("after")

    def wrong(transaction: Any) -> None:
        transaction.execute("SELECT no_such_column FROM runs")

    def good(transaction: Any) -> str:
        return str(transaction.execute("SELECT 'good'").fetchone()[0])

    await joined(world)
    lanes = postgres_lane.Lane
    assert lanes is not None
    works = [before, after, wrong, good] * 4
    answers = await asyncio.gather(*(world._write(work) for work in works), return_exceptions=True)
    for work, answer in zip(works, answers, strict=True):
        if work is good:
            assert answer == "good"
        elif work is wrong:
            assert isinstance(answer, WorldError)
        else:
            assert isinstance(answer, ValueError)
    assert await world._read("SELECT count(*) FROM pruned") == [(0,)]


async def test_a_wrong_query_is_told(world: PostgresWorld) -> None:
    """And the connection is not lent again."""
    with pytest.raises(WorldError, match="no_such_column"):
        await world._read("SELECT no_such_column FROM runs")
    assert await world._read("SELECT 1") == [(1,)]
