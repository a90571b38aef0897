"""Bad files, disks and neighbours: a coded error at the door, nothing changed, reads go on."""
# ruff: noqa: ASYNC240, ASYNC221 - a test has nothing else to do meanwhile

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.proofs import disks
from wfc.errors import (
    CorruptEvent,
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldTooNew,
    WorldUnreachable,
)
from wfc.eventlog.event import RunCompleted
from wfc.ids import RunId
from wfc.worlds import sqlite_connect, sqlite_turnstile
from wfc.worlds.promises.given import (
    RUN,
    VERSION,
    created,
    hook_created,
    log,
    owned,
    queued_step,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import NewRun, Owner, RunFilter
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sqlite import SqliteWorld

TABLES = [
    "runs", "events", "blobs", "hooks", "attributes", "attempts", "messages", "workers",
    "bundles", "meta",
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "world.db"


@pytest.fixture
async def world(path: Path) -> AsyncIterator[SqliteWorld]:
    made = SqliteWorld(path)
    await made.open()
    yield made
    await made.close()


async def _full_world(path: Path) -> None:
    """Write a file with a row in every table."""
    world = SqliteWorld(path)
    await world.open()
    owner = await queued_step(world)
    await started(world, RunId("large"), created(arguments=bytes(99_000), attributes={"a": 1}))
    wrote(await world.append(RUN, [hook_created()], guard=owner))
    await world.register_version(VERSION, b"archive")
    await world.close()


async def _opened(path: Path) -> SqliteWorld:
    world = SqliteWorld(path)
    await world.open()
    return world


# --- durability settings -----------------------------------------------------------------------


async def test_both_connections_are_durable(world: SqliteWorld) -> None:
    """`synchronous=FULL` and WAL are read back from the writer and from the reader."""

    def settings(transaction: Transaction) -> list[object]:
        names = ("synchronous", "journal_mode", "busy_timeout", "wal_autocheckpoint")
        return [transaction.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    writer = await world._write(settings)
    reader = [
        (await world._read(f"PRAGMA {name}"))[0][0]
        for name in ("synchronous", "journal_mode", "busy_timeout", "wal_autocheckpoint")
    ]
    assert writer == reader == [2, "wal", 10_000, 4000]


async def test_a_reader_cannot_write(world: SqliteWorld) -> None:
    """All writing goes through the writer."""
    with pytest.raises(WorldError):
        await world._read("DELETE FROM runs")


def test_a_weaker_setting_is_refused(path: Path) -> None:
    """A SQLite that does not do as it is told cannot keep the promises."""
    connection = sqlite_connect.connect(path)
    connection.execute("PRAGMA synchronous=NORMAL")
    with pytest.raises(WorldUnreachable, match="synchronous"):
        sqlite_connect.verify(connection, path)
    connection.close()


def test_a_file_that_cannot_be_in_wal_mode_is_refused() -> None:
    """Here: a database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(WorldUnreachable, match="WAL"):
        sqlite_connect._configure(connection, Path("memory"))
    connection.close()


# --- what is opened ----------------------------------------------------------------------------


async def test_to_open_twice_does_nothing(world: SqliteWorld) -> None:
    await world.open()
    await started(world)
    assert await world.run(RUN) is not None


async def test_damage_that_only_a_look_at_every_page_finds(
    world: SqliteWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `quick_check` reports is told as damage."""

    async def reported(*_: object) -> list[tuple[str]]:
        return [("row 1 missing from index runs_due",)]

    monkeypatch.setattr(world, "_read", reported)
    with pytest.raises(WorldCorrupt, match="runs_due"):
        await world.check()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """No folder is made by mistake."""
    with pytest.raises(WorldUnreachable, match="does not exist"):
        await _opened(tmp_path / "missing" / "world.db")
    assert not (tmp_path / "missing").exists()


async def test_a_folder_is_no_world(tmp_path: Path) -> None:
    with pytest.raises(WorldUnreachable):
        await _opened(tmp_path)


async def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    """wfc adds no tables to somebody else's database."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(WorldUnreachable, match="theirs"):
        await _opened(path)


async def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(WorldCorrupt):
        await _opened(path)
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_a_newer_schema_is_refused(path: Path) -> None:
    """Older code changes nothing in a file that says it would misread it."""
    await _full_world(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE key IN ('schema', 'min_reader')")
    connection.commit()
    before = list(connection.iterdump())
    with pytest.raises(WorldTooNew, match="99"):
        await _opened(path)
    assert list(connection.iterdump()) == before
    connection.close()


async def test_a_newer_schema_that_still_allows_us_is_used(path: Path) -> None:
    """Migrations only add, so older code may go on; the number stays."""
    await _full_world(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.commit()
    world = await _opened(path)
    await started(world, RunId("another"))
    await world.close()
    found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    assert found == ("99",)
    connection.close()


async def test_many_open_a_new_file_at_once(path: Path) -> None:
    """One migrates, the others wait for it."""
    worlds = [SqliteWorld(path) for _ in range(8)]
    await asyncio.gather(*(world.open() for world in worlds))
    await started(worlds[0])
    assert all([await world.run(RUN) is not None for world in worlds])
    await asyncio.gather(*(world.close() for world in worlds))


# --- locks -------------------------------------------------------------------------------------


async def test_a_neighbour_that_keeps_its_turn_is_told(
    path: Path, world: SqliteWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write is refused after the limit; the next one goes through when the turn is free."""
    monkeypatch.setattr(sqlite_turnstile, "BUSY_MS", 50)
    descriptor = os.open(f"{path}-turn", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(WorldLocked):
        await started(world)
    assert await world.run(RUN) is None
    os.close(descriptor)
    await started(world)


async def test_a_transaction_left_open_in_a_shell_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that knows no turnstile holds SQLite's own lock."""
    monkeypatch.setattr(sqlite_connect, "BUSY_MS", 50)
    world = await _opened(path)
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(WorldLocked):
        await started(world)
    shell.execute("ROLLBACK")
    shell.close()
    await started(world)
    await world.close()


# --- read-only ---------------------------------------------------------------------------------

_AS_NOBODY = """
import asyncio, os, sys
from wfc.errors import WfcError
from wfc.ids import RunId, VersionId
from wfc.worlds.protocol import RunFilter
from wfc.worlds.sqlite import SqliteWorld
async def main():
    for _ in ("a new file", "one that is there"):  # loads all that is loaded late, while we may
        calm = SqliteWorld(sys.argv[2])
        await calm.open()
        await calm.close()
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    world = SqliteWorld(sys.argv[1])
    await world.open()
    print([run.run_id for run in (await world.list_runs(RunFilter())).runs])
    print(len(await world.history(RunId("large"))))
    for write in (world.check(), world.register_version(VersionId("f" * 16), b"")):
        try:
            await write
        except WfcError as error:
            print(type(error).__name__)
    await world.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_read_only_place_is_read_and_told(tmp_path: Path, what: str) -> None:
    """By a process that may read the file but not write it, or not its folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "world.db"
        await _full_world(path)
        for suffix in ("-gate", "-turn"):
            Path(f"{path}{suffix}").chmod(0o666)
        path.chmod(0o444 if what == "file" else 0o666)
        folder.chmod(0o777 if what == "file" else 0o555)
        if what == "folder":
            for suffix in ("-gate", "-turn"):
                Path(f"{path}{suffix}").unlink()
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(path), str(tmp_path / "calm.db")],
            capture_output=True,
            text=True,
            check=False,
        )
        folder.chmod(0o700)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "['large', 'run_1']", "1", "WorldReadOnly", "WorldReadOnly",
        ], done.stderr  # fmt: skip


async def test_a_file_is_opened_and_read_while_a_shell_holds_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading needs no turn: neither of SQLite's lock nor of the turnstile."""
    monkeypatch.setattr(sqlite_connect, "BUSY_MS", 50)
    monkeypatch.setattr(sqlite_turnstile, "BUSY_MS", 50)
    await _full_world(path)
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN EXCLUSIVE")
    turn = os.open(f"{path}-turn", os.O_RDWR)
    fcntl.flock(turn, fcntl.LOCK_EX)
    world = await _opened(path)
    assert {run.run_id for run in (await world.list_runs(RunFilter())).runs} == {RUN, "large"}
    with pytest.raises(WorldLocked):
        await started(world, RunId("later"))
    os.close(turn)
    shell.execute("ROLLBACK")
    shell.close()
    await started(world, RunId("later"))
    await world.close()


async def test_to_open_a_current_file_writes_nothing(path: Path) -> None:
    """Not even what would be undone."""
    await _full_world(path)
    before = path.read_bytes()
    world = await _opened(path)
    assert await world.run(RUN) is not None
    log = Path(f"{path}-wal")
    assert not log.exists() or log.stat().st_size == 0
    await world.close()
    assert path.read_bytes() == before


# --- full disk ---------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own; only root may mount one."""
    with disks.small_disk(tmp_path / "disk") as folder:
        yield folder


async def test_a_full_disk_refuses_writes_and_serves_reads(small_disk: Path) -> None:
    """And writes go on when there is space again."""
    world = await _opened(small_disk / "world.db")
    owner = await owned(world)
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(free - 300_000))
    with pytest.raises(WorldFull):
        await _fill(world, owner)
    recorded = await log(world)
    assert [one.position for one in recorded] == list(range(1, len(recorded) + 1))
    with pytest.raises(WorldFull):
        await world.append(RUN, [step_done(0, bytes(900_000))], guard=_at(owner, len(recorded)))
    assert await log(world) == recorded
    ballast.unlink()
    wrote(await world.append(RUN, [step_done(0)], guard=_at(owner, len(recorded))))
    await world.check()
    await world.close()


async def test_a_full_disk_is_opened_and_read(small_disk: Path) -> None:
    """By the first process too, which finds no room for what readers share with writers."""
    path = small_disk / "world.db"
    await _full_world(path)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    world = await _opened(path)
    assert len(await world.history(RunId("large"))) == 1
    with pytest.raises(WorldFull):
        await started(world, RunId("later"))
    ballast.unlink()
    await started(world, RunId("later"))
    assert await world.run(RunId("later")) is not None
    assert world.watch("runs") is not None
    await world.close()


async def test_a_file_at_its_limit_refuses_writes_and_serves_reads(world: SqliteWorld) -> None:
    """The same without a small disk: SQLite itself says full at a number of pages."""
    owner = await owned(world)
    await world._write(lambda transaction: _limit_pages(transaction, 20))
    with pytest.raises(WorldFull):
        await _fill(world, owner)
    recorded = await log(world)
    run = await world.run(RUN)
    assert run is not None
    assert run.length == len(recorded)
    await world._write(lambda transaction: _limit_pages(transaction, 2000))
    wrote(await world.append(RUN, [step_done(0)], guard=_at(owner, len(recorded))))
    await world.check()


def _limit_pages(transaction: Transaction, more: int) -> None:
    (count,) = transaction.execute("PRAGMA page_count").fetchone()
    transaction.execute(f"PRAGMA max_page_count={count + more}")


async def _fill(world: SqliteWorld, owner: Owner) -> None:
    length = owner.length
    for number in range(100):
        done = step_done(number, bytes(30_000) + b"%d" % number)
        length = wrote(await world.append(RUN, [done], guard=_at(owner, length))).length


def _at(owner: Owner, length: int) -> Owner:
    return Owner(owner.fence, length)


async def test_one_large_write_fails_alone(world: SqliteWorld) -> None:
    """Writes that shared its commit are repeated without it."""
    owner = await owned(world)
    await world._write(lambda transaction: _limit_pages(transaction, 30))
    large = created(arguments=bytes(range(256)) * 2000)
    answers = await asyncio.gather(
        world.append(RUN, [step_done()], guard=owner),
        world.append(RunId("large"), [large], guard=NewRun()),
        world.append(RunId("small"), [created()], guard=NewRun()),
        return_exceptions=True,
    )
    assert [isinstance(answer, WorldFull) for answer in answers] == [False, True, False]
    found = {run.run_id for run in (await world.list_runs(RunFilter())).runs}
    assert found == {RUN, "small"}


# --- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
async def test_damage_in_any_table_is_found_and_left(path: Path, table: str) -> None:
    """Flipped bytes in the page of a table: an error with a code, and the file stays as it is."""
    await _full_world(path)
    connection = sqlite3.connect(path)
    (page,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
    ).fetchone()
    connection.close()
    damaged = bytearray(path.read_bytes())
    for offset in range(16):
        damaged[(page - 1) * 4096 + offset] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(WorldCorrupt):
        await _check(path)
    assert path.read_bytes() == damaged


async def _check(path: Path) -> None:
    world = SqliteWorld(path)
    await world.open()
    try:
        await world.check()
    finally:
        await world.close()


@pytest.mark.parametrize("column", ["body", "blobs", "code"])
async def test_a_damaged_event_is_named(path: Path, column: str) -> None:
    """Other runs are read, the damaged one is listed as blocked, nothing is written."""
    await _full_world(path)
    connection = sqlite3.connect(path)
    if column == "body":
        connection.execute(
            "UPDATE events SET body = CAST(substr(body, 1, 20) || x'ff' AS BLOB)"
            " WHERE run_id = 'large'"
        )
    elif column == "code":
        # The body is whole, but queries by code would be told of another event.
        connection.execute("UPDATE events SET code = code + 1 WHERE run_id = 'large'")
    else:
        connection.execute("UPDATE blobs SET body = CAST(substr(body, 2) || x'ff' AS BLOB)")
    connection.commit()
    connection.close()
    world = await _opened(path)
    with pytest.raises(CorruptEvent) as caught:
        await world.history(RunId("large"))
    assert (caught.value.run_id, caught.value.position) == ("large", 1)
    assert len(await log(world)) == 4
    await world.close()


async def test_a_damaged_end_does_not_hide_the_list(world: SqliteWorld) -> None:
    """The row stands without its output, and says that it cannot be read."""
    owner = await owned(world)
    wrote(await world.append(RUN, [RunCompleted(output=b"done")], guard=owner))
    await started(world, RunId("other"))
    await world._write(
        lambda transaction: transaction.execute("UPDATE events SET body = x'00' WHERE code = 3")
    )
    runs = {run.run_id: run for run in (await world.list_runs(RunFilter())).runs}
    assert set(runs) == {RUN, "other"}
    assert runs[RUN].output is None
    assert "damaged" in (runs[RUN].blocked or "")


async def test_text_that_is_none_is_damage(path: Path) -> None:
    """Of a row, which Python tells without a code, and of a table's name, in SQLite's own words."""
    await _full_world(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE runs SET workflow = CAST(x'ff' AS TEXT) WHERE run_id = 'large'")
    connection.commit()
    connection.close()
    world = await _opened(path)
    with pytest.raises(WorldCorrupt, match="restore a backup"):
        await world.run(RunId("large"))
    assert await world.run(RUN) is not None
    await world.close()
    whole = path.read_bytes()
    assert whole.count(b"CREATE TABLE events") == 1
    path.write_bytes(whole.replace(b"CREATE TABLE events", b"CREATE TABLE \xff\xfe(nts"))
    with pytest.raises(WorldCorrupt, match="restore a backup"):
        await _opened(path)


async def test_a_column_that_lost_its_name_is_damage(path: Path) -> None:
    """A worker that took it for something that passes would wait for ever."""
    await _full_world(path)
    whole = path.read_bytes()
    assert whole.count(b"    fingerprint TEXT") == 1
    path.write_bytes(whole.replace(b"    fingerprint TEXT", b"    fingerp\xb2int TEXT"))
    world = await _opened(path)
    with pytest.raises(WorldCorrupt, match="restore a backup"):
        await started(world, RunId("another"))
    await world.close()


@pytest.mark.parametrize("lost", ["emptied", "removed"])
async def test_a_file_that_is_lost_is_not_begun_anew_beside_its_log(path: Path, lost: str) -> None:
    """SQLite would remove the log, and with it what was acknowledged last."""
    world = await _opened(path)
    await started(world)
    copy = path.with_name("copy.db")
    log_file = Path(f"{copy}-wal")
    shutil.copy(f"{path}-wal", log_file)
    await world.close()
    if lost == "emptied":
        copy.touch()
    before = log_file.read_bytes()
    assert before
    for _ in range(2):
        with pytest.raises(WorldCorrupt, match="restore a backup"):
            await _opened(copy)
    assert log_file.read_bytes() == before
    log_file.unlink()
    world = await _opened(copy)
    await started(world)
    await world.close()


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.7, 0.97])
async def test_a_truncated_log_file_ends_at_a_commit(
    path: Path, world: SqliteWorld, tmp_path: Path, keep: float
) -> None:
    """What a lost disk block leaves is a dense beginning of every log."""
    owner = await owned(world)
    for number in range(50):
        wrote(await world.append(RUN, [step_done(number)], guard=_at(owner, number + 2)))
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    log_file = Path(f"{path}-wal").read_bytes()
    Path(f"{copy}-wal").write_bytes(log_file[: int(len(log_file) * keep)])
    again = await _opened(copy)
    run = await again.run(RUN)
    recorded = await log(again)
    assert [one.position for one in recorded] == list(range(1, len(recorded) + 1))
    assert (0 if run is None else run.length) == len(recorded)
    await again.check()
    await again.close()
