"""A worker that meets damaged or hostile bytes blocks that run, and goes on with all others."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.runtime import chapter_flows
from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.hook_flows import HOOKED
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc import codec
from wfc.clock import VirtualClock, to_datetime
from wfc.errors import CodecError, CorruptEvent, RetryableError
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunRestarted, StepCompleted
from wfc.ids import RunId, VersionId
from wfc.runtime.carried import attributes_at, carry, hooks_at
from wfc.worlds.open import open_world
from wfc.worlds.protocol import HookFilter, RunFilter

DAMAGED = RunId("r0")


@asynccontextmanager
async def house(
    path: Path, clock: VirtualClock, program: Program = PROGRAM
) -> AsyncIterator[House]:
    world = open_world(f"sqlite:///{path}", clock)
    await world.open()
    made = await House(world, clock, program.version).open()
    try:
        yield made
    finally:
        await made.close()


async def slept(path: Path, clock: VirtualClock) -> None:
    """Put a run that sleeps for a day, behind a step, into a file."""
    async with house(path, clock) as made:
        await made.start(FLOWS.tells, 1, id=DAMAGED)
        await made.worker().run_until_idle()


async def goes_on(path: Path, clock: VirtualClock) -> str:
    """See that another run comes to its end; give the reason why the damaged one is blocked."""
    async with house(path, clock) as made:
        made.advance(days=2)
        other = await made.start(FLOWS.chain, 2)
        await made.worker().run_until_idle()
        assert await other.status() is RunStatus.COMPLETED
        page = await made.world.list_runs(RunFilter())
        assert len(page.runs) == 2
        row = await made.world.run(DAMAGED)
        assert row is not None
        assert row.owner is None
        assert not row.status.ended
        return row.blocked or ""


def body_of(path: Path, position: int) -> bytes:
    with closing(sqlite3.connect(path)) as file:
        (body,) = file.execute(
            "SELECT body FROM events WHERE run_id = ? AND position = ?", (DAMAGED, position)
        ).fetchone()
    assert isinstance(body, bytes)
    return body


@pytest.mark.parametrize("position", [1, 2, 3, 4])
async def test_flipped_bytes_of_a_real_file_block_one_run(
    tmp_path: Path, journal: Journal, position: int
) -> None:
    """Nothing is written to it, and no body runs again."""
    path, clock = tmp_path / "world.db", VirtualClock()
    await slept(path, clock)
    body = body_of(path, position)
    whole = bytearray(path.read_bytes())
    assert whole.count(body) == 1
    whole[whole.index(body) + len(body) // 2] ^= 0x10
    path.write_bytes(whole)
    calls = list(journal.calls)
    assert f"event {position} of run r0 is damaged" in await goes_on(path, clock)
    assert journal.calls[: len(calls)] == calls
    assert journal.calls[len(calls) :] == [("add", 0, 0), ("add", 0, 1)]


@pytest.mark.parametrize("position", [2, 3, 4])
async def test_an_event_that_is_gone_is_not_asked_for_without_end(
    tmp_path: Path, journal: Journal, position: int
) -> None:
    """Be it in the middle or the last: its outcome is not guessed, and no body runs again."""
    path, clock = tmp_path / "world.db", VirtualClock()
    await slept(path, clock)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DELETE FROM events WHERE run_id = ? AND position = ?", (DAMAGED, position))
    said = await goes_on(path, clock)
    assert f"event {position} of run r0 is damaged: it" in said
    assert [call for call in journal.calls if call == ("add", 1, 1)] == [("add", 1, 1)]


async def test_a_parked_run_misses_no_event(tmp_path: Path, journal: Journal) -> None:
    """A row that counts more events than there are."""
    path, clock = tmp_path / "world.db", VirtualClock()
    async with house(path, clock) as made:
        await made.start(FLOWS.tells, 1, id=DAMAGED)
        worker = made.worker()
        await worker.run_until_idle()
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE runs SET length = 9 WHERE run_id = ?", (DAMAGED,))
        made.advance(days=1)
        await worker.run_until_idle()
        row = await made.world.run(DAMAGED)
        assert row is not None
        assert "event 5 of run r0 is damaged: it is not in the log" in (row.blocked or "")
        assert row.owner is None


async def test_a_row_that_counts_too_few_events_stops_no_other(
    tmp_path: Path, journal: Journal
) -> None:
    """What would be written twice is refused for this run; the world itself is well."""
    path, clock = tmp_path / "world.db", VirtualClock()
    journal.failures = [RetryableError("later", retry_after="1h")]
    async with house(path, clock) as made:
        await made.start(FLOWS.retried, 7, id=DAMAGED)
        await made.worker().run_until_idle()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE runs SET length = 0")
    assert "contradict what was to be written" in await goes_on(path, clock)


async def test_a_blocked_run_is_given_back_though_others_write_to_it(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would belong to this worker, and be taken by nobody, when it is freed."""
    clock = VirtualClock()
    async with house(tmp_path / "world.db", clock) as made:
        run = await made.start(FLOWS.tells, 1)
        world = made.world
        history, block = world.history, world.block

        async def unreadable(run_id: RunId, *_: Any, **__: Any) -> Any:
            raise CorruptEvent(run_id, 1, "for now")

        async def meanwhile(*args: Any, **options: Any) -> None:
            await block(*args, **options)
            monkeypatch.setattr(world, "history", history)
            await run.set_attributes({"a": 1})

        monkeypatch.setattr(world, "history", unreadable)
        monkeypatch.setattr(world, "block", meanwhile)
        worker = made.worker()
        await worker.run_until_idle()
        row = await world.run(run.id)
        assert row is not None
        assert (row.owner, row.length) == (None, 2)
        await block(run.id, None)
        await worker.run_until_idle()
        assert "wait_created" in await made.log(run)


async def test_a_word_that_does_not_exist_hides_no_run(tmp_path: Path, journal: Journal) -> None:
    path, clock = tmp_path / "world.db", VirtualClock()
    await slept(path, clock)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE runs SET status = 'odd', failure_kind = 'odd'")
    async with house(path, clock) as made:
        (row,) = (await made.world.list_runs(RunFilter())).runs
        assert row.blocked == "its row says status 'odd'"
        assert row.failure_kind is None


async def test_a_damaged_hook_hides_no_other(tmp_path: Path, journal: Journal) -> None:
    """Its token is lost with its event; who asks for it by its token is told."""
    path, clock = tmp_path / "world.db", VirtualClock()
    async with house(path, clock, HOOKED) as made:
        for token in ("a", "b"):
            await made.start(HOOKED.module.approves, token, id=f"run-{token}")
        await made.worker().run_until_idle()
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE events SET body = zeroblob(40) WHERE run_id = 'run-a'")
        page = await made.world.list_hooks(HookFilter())
        assert {each.run_id: each.hook.token for each in page.hooks} == {"run-a": "", "run-b": "b"}
        with pytest.raises(CorruptEvent):
            await made.world.hook_by_token("a")
        with closing(sqlite3.connect(path)) as file, file:
            file.execute(
                "UPDATE events SET (body, code) = (SELECT body, code FROM events WHERE"
                " run_id = 'run-b' AND position = 1) WHERE run_id = 'run-a' AND position = 3"
            )
        with pytest.raises(CorruptEvent, match="not the hook"):
            await made.world.hook_by_token("a")


@pytest.mark.parametrize(
    "names",
    [
        "{",
        "[]",
        "5",
        "null",
        '{"output": 5}',
        '{"output": "zz"}',
        '{"output": "00"}',
        '{"$key": 5}',
    ],
)
async def test_names_of_payloads_may_be_anything(
    tmp_path: Path, journal: Journal, names: str
) -> None:
    path, clock = tmp_path / "world.db", VirtualClock()
    await slept(path, clock)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE events SET blobs = ? WHERE position = 3", (names,))
    assert "event 3 of run r0 is damaged" in await goes_on(path, clock)


@pytest.mark.parametrize(
    "output", [b"", b"\x01\x00\xc1", b"\x01\x01junk", b"\x01\x00\xa1x", b"\x02\x00\x05"]
)
async def test_a_payload_that_says_nothing_fails_its_run(
    tmp_path: Path, journal: Journal, output: bytes
) -> None:
    """The event is whole: the code is told at the `await`, as of any value that does not fit."""
    path, clock = tmp_path / "world.db", VirtualClock()
    await slept(path, clock)
    body = body_of(path, 3)
    fields = msgpack.unpackb(body[2:-4], strict_map_key=False)
    assert fields[0] == StepCompleted.code
    fields[6] = output
    forged = body[:2] + msgpack.packb(fields)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "UPDATE events SET body = ? WHERE position = 3",
            (forged + crc32(forged).to_bytes(4, "big"),),
        )
    async with house(path, clock) as made:
        made.advance(days=1)
        await made.worker().run_until_idle()
        row = await made.world.run(DAMAGED)
        assert row is not None
        # The code did go to sleep behind this step, and now it ends there instead.
        assert (row.status, row.failure_kind) == (RunStatus.FAILED, "divergence")
        assert row.blocked is None


# --- many kinds of damage ------------------------------------------------------------------------

WEIRD: list[Any] = [
    None, 0, -1, 2**63 - 1, "", "x" * 50, "a#b#c", "2:x~1#0", "x#0", "x~00000000#-1", b"",
    b"\x01\x00\xc1", b"\x01\x01junk", b"\x01\x00\x90", [], {}, [1], {"a": 1}, True, 1.5, "user",
]  # fmt: skip
ROWS: list[tuple[str, Any]] = [
    ("length", 0), ("length", 99), ("chapter", 0), ("chapter", 7), ("workflow", "a:b"),
    ("fingerprint", "zz"), ("status", "odd"), ("version", "v" * 16), ("wake_at", -5),
    ("recorded_at", 2**62), ("fence", -1), ("parent_id", "nobody"), ("losses", -9),
    ("queue", "q"), ("created_at", -(2**62)),
]  # fmt: skip


def damage(chance: random.Random, path: Path, run_id: str) -> None:
    """Do something to one event, or to the row, of a run."""
    with closing(sqlite3.connect(path)) as file, file:
        rows = file.execute(
            "SELECT position, code, body FROM events WHERE run_id = ?", (run_id,)
        ).fetchall()
        position, code, body = chance.choice(rows)
        match chance.choice(["flip", "seal", "field", "field", "delete", "code", "graft", "row"]):
            case "flip":
                body = flipped(chance, body, 0)
            case "seal":
                body = resealed(flipped(chance, body[:-4], 2))
            case "field":
                fields = msgpack.unpackb(body[2:-4], strict_map_key=False)
                index = chance.randrange(1, len(fields))
                if isinstance(fields[index], list) and fields[index]:
                    fields[index][chance.randrange(len(fields[index]))] = chance.choice(WEIRD)
                else:
                    fields[index] = chance.choice(WEIRD)
                body = resealed(body[:2] + msgpack.packb(fields))
            case "delete":
                file.execute(
                    "DELETE FROM events WHERE run_id = ? AND position = ?", (run_id, position)
                )
            case "code":
                code = chance.randint(0, 60)
            case "graft":
                body, code = chance.choice(file.execute("SELECT body, code FROM events").fetchall())
            case _:
                column, value = chance.choice(ROWS)
                file.execute(f"UPDATE runs SET {column} = ? WHERE run_id = ?", (value, run_id))  # noqa: S608 - of a list above
        file.execute(
            "UPDATE events SET body = ?, code = ? WHERE run_id = ? AND position = ?",
            (body, code, run_id, position),
        )


def flipped(chance: random.Random, body: bytes, after: int) -> bytes:
    whole = bytearray(body)
    for _ in range(chance.randint(1, 3)):
        whole[chance.randrange(after, len(whole))] = chance.randrange(256)
    return bytes(whole)


def resealed(body: bytes) -> bytes:
    return body + crc32(body).to_bytes(4, "big")


def programs() -> list[tuple[Program, list[tuple[Any, tuple[Any, ...]]]]]:
    hooks, chapters = HOOKED.module, chapter_flows.FLOWS
    return [
        (PROGRAM, [(FLOWS.retried, (7,)), (FLOWS.waits, (3,)), (FLOWS.tells, (2,))]),
        (HOOKED, [(hooks.approves, ("t0",)), (hooks.announces, ()), (hooks.times_out, ("t2",))]),
        (chapter_flows.PROGRAM, [(chapters.polls, (3,)), (chapters.polls, (2,))]),
    ]


async def survives(path: Path, journal: Journal, seed: int) -> None:
    """Damage two runs, and see that the worker, the lists and another run are well."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    program, begun = chance.choice(programs())
    clock = VirtualClock()
    journal.failures = [RetryableError("later", retry_after="1h")]
    async with house(path, clock, program) as made:
        for number, (flow, args) in enumerate(begun):
            await made.start(flow, *args, id=f"r{number}")
        await made.worker().run_until_idle()
    for number in range(2):
        damage(chance, path, f"r{number}")
    journal.failures = []
    async with house(path, VirtualClock(to_datetime(clock.now_us())), program) as made:
        flow, args = begun[-1]
        control = await made.start(flow, *(("control",) if args and args[0] == "t2" else args))
        worker = made.worker()
        for days in (0, 1, 3, 40):
            made.advance(days=days)
            await worker.run_until_idle()
        assert await control.status() is RunStatus.COMPLETED
        assert (await made.world.list_runs(RunFilter())).runs
        await made.world.list_hooks(HookFilter())
        await made.world.sweep()
        await made.world.gc(kept_us=0)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_is_damaged_the_others_go_on(
    tmp_path: Path, journal: Journal, seed: int
) -> None:
    await survives(tmp_path / "world.db", journal, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 500))
async def test_a_lot_of_damage(tmp_path: Path, journal: Journal, seed: int) -> None:
    await survives(tmp_path / "world.db", journal, seed)


# --- what a chapter hands on ---------------------------------------------------------------------


def restarted(carried: Any) -> RunRestarted:
    return RunRestarted(
        chapter=2,
        arguments=b"",
        seed=bytes(32),
        version=VersionId("v"),
        fingerprint="f",
        carried=carried if isinstance(carried, bytes) else codec.encode(carried, path="a test"),
    )


@pytest.mark.parametrize(
    "carried",
    [
        b"", b"\x01\x00\xc1", 5, [], {"attributes": 5, "hooks": 5},
        {"attributes": [1], "hooks": [5]}, {"attributes": None, "hooks": [[1, 2, 3, []]]},
        {"attributes": "x", "hooks": [["a", "b", "c", [5]]]},
        {"attributes": 1, "hooks": [["a", "b", "c", 5]]}, {"attributes": 1, "hooks": [["a"]]},
    ],
    ids=repr,
)  # fmt: skip
def test_what_a_chapter_carries_may_be_anything(carried: Any) -> None:
    event = restarted(carried)
    for read in (attributes_at, hooks_at):
        with pytest.raises(CodecError):
            read(event)


def test_what_a_chapter_carries_comes_back() -> None:
    event = restarted(carry({"a": 1}))
    assert attributes_at(event) == {"a": 1}
    assert hooks_at(event) == []
