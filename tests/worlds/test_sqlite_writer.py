"""The writer: whole batches in one commit, answers only after it, each write on its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wfc import fault
from wfc.errors import WorldUnreachable
from wfc.ids import RunId
from wfc.worlds import sql_plain, sql_write, sqlite_commit, sqlite_writer
from wfc.worlds.promises.given import (
    ALICE,
    LEASE_S,
    RUN,
    created,
    joined,
    log,
    owned,
    step_done,
    wrote,
)
from wfc.worlds.protocol import NewRun, Owner
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sqlite import SqliteWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SqliteWorld]:
    made = SqliteWorld(tmp_path / "world.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fault points and settled writes, in the order in which they happened."""
    seen: list[str] = []
    settle = sql_write.settle
    monkeypatch.setattr(fault, "point", seen.append)

    def note(future: asyncio.Future[object], answer: object) -> None:
        seen.append("settled")
        settle(future, answer)

    for writes in (sql_write, sql_plain):
        monkeypatch.setattr(writes, "settle", note)
    return seen


async def test_many_writes_share_a_commit(world: SqliteWorld, passed: list[str]) -> None:
    """And none is answered before that commit has returned."""
    runs = [RunId(f"run_{number}") for number in range(100)]
    await asyncio.gather(*(world.append(run, [created()], guard=NewRun()) for run in runs))
    commits = [name for name in passed if name == "append.committed"]
    assert len(commits) == 1
    assert passed[:3] == ["append.begun", "append.written", "append.committed"]
    assert passed[3:] == ["settled"] * 100


async def test_a_batch_has_a_limit(
    world: SqliteWorld, passed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number and by bytes, so that nobody waits for too long a commit."""
    monkeypatch.setattr(sqlite_writer, "BATCH_WRITES", 10)
    await asyncio.gather(*(world._write(lambda _: None) for _ in range(30)))
    assert passed.count("append.committed") == 3
    monkeypatch.setattr(sqlite_writer, "BATCH_BYTES", 5)
    passed.clear()
    await asyncio.gather(*(world._write(lambda _: None, size=5) for _ in range(4)))
    assert passed.count("append.committed") == 2


async def test_a_failed_write_rolls_back_alone(world: SqliteWorld) -> None:
    """Its neighbours in the same commit stand, whatever it raised."""

    def bad(transaction: Transaction) -> None:
        transaction.execute("INSERT INTO meta VALUES ('half', 'written')")
        raise LookupError("a fault of ours")

    def good(transaction: Transaction) -> None:
        transaction.execute("INSERT INTO meta VALUES ('good', 'written')")

    answers = await asyncio.gather(
        world._write(bad), world._write(good), world._write(bad), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [LookupError, type(None), LookupError]
    keys = {row[0] for row in await world._read("SELECT key FROM meta")}
    assert keys & {"half", "good"} == {"good"}
    with pytest.raises(LookupError):
        await world._write(bad)
    await world.check()


async def test_a_statement_that_fails_harms_no_neighbour(world: SqliteWorld) -> None:
    """The batch is repeated one by one to find out whose it was."""
    answers = await asyncio.gather(
        world._write(lambda transaction: transaction.execute("SELECT nonsense").fetchall()),
        world.append(RUN, [created()], guard=NewRun()),
        return_exceptions=True,
    )
    assert isinstance(answers[0], Exception)
    assert len(await log(world)) == 1


async def test_whoever_gave_up_waiting_harms_nobody(world: SqliteWorld) -> None:
    """A cancelled append may land; its neighbours get their answers."""
    waiting = asyncio.create_task(world.append(RUN, [created()], guard=NewRun()))
    other = asyncio.create_task(world.append(RunId("other"), [created()], guard=NewRun()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    wrote(await other)


async def test_to_close_finishes_what_waits(tmp_path: Path) -> None:
    """Nothing that was asked for before is dropped; what comes after is refused."""
    world = SqliteWorld(tmp_path / "world.db")
    await world.open()
    waiting = [
        asyncio.create_task(world.append(RunId(f"run_{number}"), [created()], guard=NewRun()))
        for number in range(20)
    ]
    await asyncio.sleep(0)
    writer = world._writer
    assert writer is not None
    await world.close()
    for answer in await asyncio.gather(*waiting):
        wrote(answer)
    with pytest.raises(WorldUnreachable):
        writer.put(sql_write.Call(lambda _: None, asyncio.get_running_loop().create_future()))
    with pytest.raises(WorldUnreachable):
        writer.call_blocking(lambda _: None)


async def test_a_heartbeat_needs_no_event_loop(world: SqliteWorld) -> None:
    """A stalled loop keeps its lease: the writer answers the thread itself."""
    await joined(world)
    answers: list[bool] = []
    thread = threading.Thread(
        target=lambda: answers.append(world.renew(ALICE, lease_s=LEASE_S).fenced)
    )
    thread.start()
    thread.join(timeout=30)  # the loop does nothing meanwhile
    assert answers == [False]


@pytest.mark.parametrize("commit_s", [0.0, 1.0])
async def test_a_lone_write_is_committed_where_it_is_cheaper(
    world: SqliteWorld, monkeypatch: pytest.MonkeyPatch, commit_s: float
) -> None:
    """On the loop if commits are quicker than two hand-overs, else in the thread."""
    owner = await owned(world)
    writer = world._writer
    assert writer is not None
    monkeypatch.setattr(writer, "_note_speed", lambda: None)
    monkeypatch.setattr(writer, "_commit_s", commit_s)
    committers: list[threading.Thread] = []
    monkeypatch.setattr(fault, "point", lambda _: committers.append(threading.current_thread()))
    wrote(await world.append(RUN, [step_done()], guard=owner))
    expected = writer._thread if commit_s else threading.main_thread()
    assert set(committers) == {expected}


async def test_a_neighbour_with_its_turn_does_not_stall_the_loop(
    world: SqliteWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that would have to wait for another process waits in the thread."""
    owner = await owned(world)
    writer = world._writer
    assert writer is not None
    monkeypatch.setattr(writer, "_commit_s", 0.0)
    monkeypatch.setattr(writer._committer._turnstile, "try_enter", lambda: False)
    committers: list[threading.Thread] = []
    monkeypatch.setattr(fault, "point", lambda _: committers.append(threading.current_thread()))
    wrote(await world.append(RUN, [step_done()], guard=owner))
    assert set(committers) == {writer._thread}


async def test_a_busy_connection_does_not_stall_the_loop(
    world: SqliteWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the thread uses the connection, a write waits for the thread."""
    owner = await owned(world)
    writer = world._writer
    assert writer is not None
    monkeypatch.setattr(writer, "_commit_s", 0.0)
    with writer._using:
        appending = asyncio.create_task(world.append(RUN, [step_done()], guard=owner))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not appending.done()
    wrote(await appending)


async def test_a_lone_write_that_fails_is_told(
    world: SqliteWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the loop as in the thread."""
    writer = world._writer
    assert writer is not None
    monkeypatch.setattr(writer, "_note_speed", lambda: None)
    for commit_s in (0.0, 1.0):
        monkeypatch.setattr(writer, "_commit_s", commit_s)
        with pytest.raises(Exception, match="no such column"):
            await world._write(lambda transaction: transaction.execute("SELECT nonsense"))
        with pytest.raises(ZeroDivisionError):
            await world._write(lambda _: 1 // 0)


async def test_upkeep_changes_nothing_that_is_read(world: SqliteWorld, tmp_path: Path) -> None:
    """A long chain grows the log file and moves it into the database, twice."""
    owner = await owned(world)
    guard = owner
    for number in range(600):
        answer = wrote(await world.append(RUN, [step_done(number, bytes(9000))], guard=guard))
        guard = Owner(owner.fence, answer.length)
    assert (tmp_path / "world.db-wal").stat().st_size >= sqlite_commit._WAL_BYTES
    assert [one.position for one in await log(world)] == list(range(1, 603))
    await world.check()
