"""No acknowledged event is lost in PostgreSQL when a process, a connection or the server dies."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from tests.postgres_server import Database, Server
from tests.worlds.test_sqlite_crash import (
    acknowledged,
    appender,
    hold_promises,
    kill_and_check,
)
from wfc.errors import WorldUnreachable
from wfc.eventlog.event import RunCancelRequested
from wfc.ids import RunId
from wfc.worlds import postgres_lane, postgres_listener
from wfc.worlds.postgres import PostgresWorld
from wfc.worlds.postgres_transaction import Session
from wfc.worlds.promises.given import (
    ALICE,
    LEASE_S,
    RUN,
    created,
    joined,
    log,
    owned,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import Appended, NewRun, OpenRun, Owner, RunFilter


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
async def world(url: str) -> AsyncIterator[PostgresWorld]:
    made = PostgresWorld(url)
    await made.open()
    yield made
    await made.close()


@pytest.mark.timeout(120)
async def test_a_killed_process_loses_nothing_it_acknowledged(url: str) -> None:
    """SIGKILL at a random moment between and within commits, several times on one database."""
    await kill_and_check(url, 3)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_many_killed_processes_lose_nothing(url: str) -> None:
    """The same, many times."""
    await kill_and_check(url, 20 * int(os.environ.get("WFC_SOAK", "5")))


@pytest.mark.timeout(120)
async def test_two_processes_share_a_database(url: str, world: PostgresWorld) -> None:
    """Both write all they have at the same time, each log is whole, and a third hears of it."""
    watch = world.watch("runs")
    processes = [
        await asyncio.create_subprocess_exec(
            *appender(url, prefix, 4, 30), stdout=asyncio.subprocess.PIPE
        )
        for prefix in ("left", "right")
    ]
    assert await watch.changed(60)
    watch.close()
    said = [(await process.communicate())[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    for text in said:
        lengths = acknowledged(text)
        assert (len(lengths), set(lengths.values())) == (4, {61})
        await hold_promises(world, lengths)


# --- connections ---------------------------------------------------------------------------------


class Severed:
    """Cuts the connection of a lane at a chosen moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.before = False
        self.cuts = 0
        command, native = Session.command, Session.native

        def cut_command(session: Session, text: str) -> None:
            self.around(session, text == "COMMIT", lambda: command(session, text))

        def cut_native(session: Session, text: str, *arguments: Any) -> Any:
            plain = text == postgres_lane._PLAIN
            return self.around(session, plain, lambda: native(session, text, *arguments))

        monkeypatch.setattr(Session, "command", cut_command)
        monkeypatch.setattr(Session, "native", cut_native)

    def around(self, session: Session, commits: bool, work: Any) -> Any:  # noqa: FBT001
        if not (commits and self.left):
            return work()
        self.left -= 1
        self.cuts += 1
        if not self.before:
            work()
        session.raw.terminate()
        raise asyncpg.ConnectionDoesNotExistError("cut")


@pytest.fixture
def severed(monkeypatch: pytest.MonkeyPatch) -> Severed:
    return Severed(monkeypatch)


@pytest.mark.parametrize("before", [True, False])
async def test_a_commit_whose_answer_is_lost_lands_once(
    world: PostgresWorld, severed: Severed, *, before: bool
) -> None:
    """Whether the server got it or not, the writer learns what is so."""
    severed.before = before
    severed.left = 1
    await started(world)
    assert severed.cuts == 1
    assert [one.event.name for one in await log(world)] == ["run_created"]
    owner = await owned(world, RunId("run_9"))
    severed.left = 1
    answer = await world.append(RunId("run_9"), [step_done()], guard=owner)
    assert severed.cuts == 2
    assert wrote(answer).length == 3
    names = [one.event.name for one in await log(world, RunId("run_9"))]
    assert names == ["run_created", "run_started", "step_completed"]


@pytest.mark.parametrize("before", [True, False])
async def test_commits_of_many_land_once(
    world: PostgresWorld, severed: Severed, *, before: bool
) -> None:
    """Several times in a row."""
    await joined(world)
    severed.before = before
    severed.left = 6
    names = [RunId(f"run_{number}") for number in range(20)]
    answers = await asyncio.gather(*(owned_run(world, name) for name in names))
    guards = [Owner(one.fence or 0, one.length) for one in answers]
    await asyncio.gather(
        *(
            world.append(name, [step_done(n) for n in range(3)], guard=guard)
            for name, guard in zip(names, guards, strict=True)
        )
    )
    assert severed.cuts == 6
    for name in names:
        assert [one.position for one in await log(world, name)] == [1, 2, 3, 4]


async def owned_run(world: PostgresWorld, name: RunId) -> Appended:
    return wrote(await world.append(name, [created()], guard=NewRun(), claim=ALICE))


async def test_what_cannot_be_known_is_said(
    world: PostgresWorld, severed: Severed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit in doubt and a server that stays away: nobody claims either."""

    async def nowhere(url: str, *, prepares: bool = False) -> Any:
        raise ConnectionRefusedError(url if prepares else "nobody answers")

    monkeypatch.setattr(postgres_lane, "PATIENCE_S", 0.05)
    await joined(world)
    severed.left = 1
    monkeypatch.setattr(postgres_lane, "connect", nowhere)
    with pytest.raises(WorldUnreachable, match="not known whether"):
        await started(world)
    with pytest.raises(WorldUnreachable, match="nobody answers"):
        await started(world)


async def test_connections_may_be_cut_at_any_time(
    world: PostgresWorld, postgres_database: Database
) -> None:
    """Whoever writes or reads meanwhile notices nothing."""
    watch = world.watch("runs")
    await joined(world)

    async def write(number: int) -> None:
        await started(world, RunId(f"run_{number}"))
        await world.run(RunId(f"run_{number}"))
        world.renew(ALICE, lease_s=LEASE_S)

    writing = [asyncio.create_task(write(number)) for number in range(60)]
    for _ in range(5):
        await asyncio.to_thread(_cut, postgres_database, "%")
        await asyncio.sleep(0.01)
    await asyncio.gather(*writing)
    found = (await world.list_runs(RunFilter(), limit=200)).runs
    assert len(found) == 60
    assert all(run.length == 1 for run in found)
    assert await watch.changed(10)
    watch.close()


def _cut(database: Database, query: str) -> None:
    """Let the server end connections of worlds."""
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'wfc' AND datname = current_database() AND query LIKE $1",
        query,
    )


# --- news ----------------------------------------------------------------------------------------


async def test_a_lost_notification_is_noticed(
    url: str, world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the number that it took."""
    monkeypatch.setattr(postgres_listener, "POLL_S", 0.02)
    monkeypatch.setattr(postgres_listener.Listener, "_heard", lambda *_: None)
    watch = world.watch("runs")
    while await watch.changed(0.2):
        """What it hears while it begins to listen is not the point."""
    other = PostgresWorld(url)
    await other.open()
    await started(other)
    assert await watch.changed(10)
    watch.close()
    await other.close()


async def test_whoever_listens_again_looks(
    url: str, world: PostgresWorld, postgres_database: Database
) -> None:
    """News that came while nobody listened are not missed."""
    watch = world.watch("runs")
    other = PostgresWorld(url)
    await other.open()
    await started(other)
    assert await watch.changed(10)
    await asyncio.to_thread(_cut, postgres_database, "%FROM news%")
    assert await watch.changed(10)
    wrote(await other.append(RUN, [RunCancelRequested()], guard=OpenRun()))
    assert await watch.changed(10)
    watch.close()
    await other.close()


# --- the server ----------------------------------------------------------------------------------


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that may be stopped: the other one is everybody's."""
    server = Server.temporary()
    server.make()
    yield server
    server.remove()


@pytest.mark.timeout(120)
async def test_a_restart_of_the_server_is_healed(own_server: Server) -> None:
    """Appends and reads wait for it, the lease goes on, and news come again."""
    world = PostgresWorld(own_server.url)
    await world.open()
    owner = await owned(world)
    watch = world.watch(f"run:{RUN}")
    await asyncio.to_thread(own_server.stop)
    append = asyncio.create_task(world.append(RUN, [step_done()], guard=owner))
    read = asyncio.create_task(world.run(RUN))
    renewed = asyncio.create_task(asyncio.to_thread(world.renew, ALICE, lease_s=LEASE_S))
    await asyncio.sleep(0.05)
    assert not append.done()
    await asyncio.to_thread(own_server.start)
    assert wrote(await append).length == 3
    assert (await read) is not None
    assert not (await renewed).fenced
    assert await watch.changed(10)
    # And it hears of others again.
    other = PostgresWorld(own_server.url)
    await other.open()
    while await watch.changed(0.5):
        """What it hears while it begins to listen again is not the point."""
    wrote(await other.append(RUN, [RunCancelRequested()], guard=OpenRun()))
    assert await watch.changed(10)
    watch.close()
    await other.close()
    await world.close()


@pytest.mark.timeout(120)
async def test_a_crashed_server_has_what_was_acknowledged(own_server: Server) -> None:
    """It is stopped as by a power cut while two processes write, and started again."""
    process = await asyncio.create_subprocess_exec(
        *appender(own_server.url, "run", 6, 40), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(50)]
    await asyncio.to_thread(own_server.stop)
    await asyncio.to_thread(own_server.start)
    said.append(await process.stdout.read())
    assert await process.wait() == 0, "the process waited for the server and went on"
    lengths = acknowledged(b"".join(said).decode())
    assert set(lengths.values()) == {81}
    world = PostgresWorld(own_server.url)
    await world.open()
    await hold_promises(world, lengths)
    await world.close()
