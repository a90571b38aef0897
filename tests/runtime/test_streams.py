"""Streams, from the step that writes to whoever reads: what is on disk, in order, to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.runtime.flows import Journal
from tests.runtime.house import House, until
from tests.runtime.stream_flows import PROGRAM
from wfc import get_writable
from wfc.clock import VirtualClock
from wfc.config import Session
from wfc.errors import OutsideWorkflow, PayloadMismatch, RunFailed, RunNotFound
from wfc.ids import RunId
from wfc.runtime.run import Run
from wfc.runtime.streams import ChunkKind, rows
from wfc.runtime.writable import StreamName, Writable
from wfc.worlds import chunks
from wfc.worlds.chunks import Form
from wfc.worlds.open import open_world
from wfc.worlds.promises.given import RUN, owned
from wfc.worlds.protocol import NewChunk, StreamWrite
from wfc.worlds.sqlite import SqliteWorld

FLOWS: Any = PROGRAM.module


@pytest.fixture
async def house(house_url: str, journal: Journal) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = open_world(house_url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    yield made
    journal.gate.set()
    await made.close()


async def ran(house: House, flow: Any, *args: Any) -> Run[Any]:
    run = await house.start(flow, *args)
    await house.worker().run_until_idle()
    return run


async def read(run: Run[Any], namespace: str | None = None, start: int = 0) -> list[Any]:
    return [value async for value in run.stream(namespace, start_index=start)]


async def _first(run: Run[Any], start: int) -> AsyncIterator[Any]:
    """Wait for one value."""
    async for value in run.stream(start_index=start):
        yield value
        return


async def test_steps_write_and_anybody_reads(house: House) -> None:
    """In the order of their commits, with indexes that go on from step to step."""
    run = await ran(house, FLOWS.counts)
    assert await run.result() == 5
    assert await read(run) == [0, 1, 2, 3, 4]
    assert await run.streams() == ["default"]
    assert await run.tail_index() == 4
    chunks = [chunk async for chunk in run.stream().chunks()]
    steps = [step.id for step in await run.steps()]
    assert [chunk.index for chunk in chunks] == [0, 1, 2, 3, 4]
    assert [chunk.step_id for chunk in chunks] == [steps[0]] * 3 + [steps[1]] * 2
    assert {(chunk.kind, chunk.attempt, chunk.run_id) for chunk in chunks} == {
        (ChunkKind.DATA, 1, None)
    }


async def test_for_every_index_the_rest_follows(house: House) -> None:
    """A negative one counts from the end; beyond the end of what is closed there is nothing."""
    run = await ran(house, FLOWS.counts)
    whole = await read(run)
    for k in range(8):
        assert whole[:k] + await read(run, start=k) == whole
    assert await read(run, start=-2) == [3, 4]
    assert await read(run, start=-99) == whole


@pytest.mark.parametrize("namespace", [None, "words"])
async def test_a_step_may_ask_for_a_stream_itself(house: House, namespace: str | None) -> None:
    """Bytes stay bytes; all else is a value, None too."""
    run = await ran(house, FLOWS.writes_by_itself, namespace)
    assert await run.result() is None
    assert await run.streams() == [namespace or "default"]
    assert await read(run, namespace) == [b"raw", "text", {"n": 1}, None]


@pytest.mark.parametrize("method", ["write", "write_many", "close"])
async def test_workflow_code_only_passes_streams_on(house: House, method: str) -> None:
    """A replay would write again."""
    run = await ran(house, FLOWS.writes_in_workflow, method)
    assert (await run.result()) == (
        f"WFC806 `{method if method == 'close' else 'write'}` of the stream 'default' was called "
        "in workflow code. A replay would write again; pass it to a step, and write there."
    )
    assert await run.streams() == []


async def _retrying(house: House, run: Run[Any], times: int) -> None:
    watch = house.world.watch(f"run:{run.id}")
    async with asyncio.timeout(30):
        while (await house.log(run)).count("step_retrying") < times:
            await watch.changed(1)
    watch.close()


async def test_a_repeated_attempt_says_what_is_void(house: House, journal: Journal) -> None:
    """By a chunk with an index of its own, before anything that it writes itself."""
    run = await house.start(FLOWS.retries)
    await house.embedded()
    for attempt in (1, 2):
        await _retrying(house, run, attempt)
        house.advance(minutes=1)
    await run.result()
    chunks = [chunk async for chunk in run.stream().chunks()]
    assert [(chunk.kind, chunk.value, chunk.attempt, chunk.from_index) for chunk in chunks] == [
        (ChunkKind.DATA, "1a", 1, None),
        (ChunkKind.DATA, "1b", 1, None),
        (ChunkKind.RESET, None, 2, 0),
        (ChunkKind.DATA, "2a", 2, None),
        (ChunkKind.DATA, "2b", 2, None),
        (ChunkKind.RESET, None, 3, 0),
        (ChunkKind.DATA, "3a", 3, None),
        (ChunkKind.DATA, "3b", 3, None),
    ]
    assert await read(run) == ["1a", "1b", "2a", "2b", "3a", "3b"]


async def test_what_is_written_is_of_the_type(house: House) -> None:
    """That of the parameter that holds the handle; what readers would refuse is no chunk."""
    run = await ran(house, FLOWS.writes_tokens)
    told = await run.result()
    assert len(told) == 3
    assert all("a chunk of the stream 'tokens'" in line for line in told)
    token = FLOWS.Token
    assert await read(run, "tokens") == [token(text="a"), token(text="b")]
    typed = [value async for value in run.stream("tokens", type=token)]
    assert typed == [token(text="a"), token(text="b")]
    with pytest.raises(PayloadMismatch, match="chunk 0 of the stream 'tokens'"):
        await anext(aiter(run.stream("tokens", type=int)))


async def test_raw_chunks_are_read_as_what_is_asked_for(house: House) -> None:
    """Bytes, or nothing."""
    run = await ran(house, FLOWS.writes_by_itself, None)
    assert await anext(aiter(run.stream(type=bytes))) == b"raw"
    with pytest.raises(PayloadMismatch):
        await anext(aiter(run.stream(type=int)))


async def test_a_handle_names_the_run_that_made_it(house: House) -> None:
    """A child that is given it writes there, and says so."""
    run = await ran(house, FLOWS.parents)
    assert await run.result() == [run.id, "default"]
    chunks = [chunk async for chunk in run.stream().chunks()]
    assert [chunk.value for chunk in chunks] == ["mine", "theirs"]
    assert chunks[0].run_id is None
    assert chunks[1].run_id not in {None, run.id}
    child = chunks[1].run_id
    assert child is not None
    assert await house.world.streams(child) == []


async def test_a_closed_stream_takes_nothing_more(house: House) -> None:
    """Neither from the step that closed it nor from any other; readers end, the run goes on."""
    run = await ran(house, FLOWS.closes)
    assert "the stream 'default' of run" in await run.result()
    assert await read(run) == ["last"]
    assert "was closed by this step" in (await read(run, "told"))[0]


@pytest.mark.parametrize(("kind", "size"), [("bytes", "1,048,577"), ("text", "1,048,581")])
async def test_a_chunk_has_a_limit(house: House, kind: str, size: str) -> None:
    """Whatever it is packed to: readers have to hold it as it is."""
    run = await ran(house, FLOWS.writes_too_large, kind)
    assert f"has {size} bytes, and 1,048,576 are the most" in await run.result()


async def test_a_stream_takes_as_much_as_it_may_have(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All before the chunk that is too much, whichever writes they went in; and it is told."""
    monkeypatch.setattr(chunks, "CHUNKS_MAX", 101)
    run = await ran(house, FLOWS.fills, 400)
    assert await read(run) == list(range(101))
    assert "101 chunks and" in (await read(run, "told"))[0]


async def test_a_limit_that_is_met_last_fails_the_step(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its body has gone by then, and nothing may be lost without a word."""
    monkeypatch.setattr(chunks, "CHUNKS_MAX", 101)
    run = await ran(house, FLOWS.fills, 102)
    with pytest.raises(RunFailed, match="101 chunks and"):
        await run.result()
    assert await read(run) == list(range(101))


async def test_a_value_that_is_refused_stops_a_write_of_many(house: House) -> None:
    """What stands before it is written, and nothing behind."""
    run = await ran(house, FLOWS.mixed)
    assert "chunk of the stream" in await run.result()
    assert await read(run) == list(range(40))


async def test_closing_twice_is_closing(house: House) -> None:
    run = await ran(house, FLOWS.closes_twice)
    assert await run.result() is None
    assert await read(run) == [1]


@pytest.mark.parametrize("first", [True, False])
async def test_what_a_body_left_behind_writes_nothing(
    house: House, journal: Journal, *, first: bool
) -> None:
    """The outcome is on disk by then, and no chunk comes after it."""
    run = await ran(house, FLOWS.left_behind, first)
    assert await run.result() is None
    assert await read(run) == ["in time"] * first
    assert "is over; what it writes now is lost" in journal.calls[0]


async def test_readers_follow_what_is_being_written(house: House, journal: Journal) -> None:
    """Each chunk as soon as it is on disk, then the end; also one who came before the stream."""
    run = await house.start(FLOWS.waits, 3)
    early = asyncio.ensure_future(read(run))
    none = asyncio.ensure_future(read(run, "none"))
    await asyncio.sleep(0)
    await (await house.embedded()).start()
    await until(lambda: journal.calls == ["written"])
    found: list[int] = []
    async for value in run.stream():
        found.append(value)
        if len(found) == 3:
            assert await run.tail_index() == 2
            assert not early.done()
            journal.gate.set()
    assert found == await early == [0, 1, 2]
    assert await none == []


async def test_an_index_from_the_end_is_resolved_once(house: House, journal: Journal) -> None:
    """What is written while it is read shifts nothing."""
    run = await house.start(FLOWS.waits, 200)
    await (await house.embedded()).start()
    await until(lambda: journal.calls == ["written"])
    (last,) = [one async for one in _first(run, 199)]
    assert last == 199
    reader = run.stream(start_index=-2).chunks()
    assert [(await anext(reader)).value, (await anext(reader)).value] == [198, 199]
    journal.gate.set()
    assert [chunk async for chunk in reader] == []


async def test_a_body_in_a_thread_writes_as_any_other(house: House) -> None:
    run = await ran(house, FLOWS.threads)
    assert await read(run) == list(range(100))


async def test_no_outcome_stands_before_its_last_chunk(house: House) -> None:
    """Whoever sees the step's end finds all of its chunks."""
    written: list[int] = []
    append, write = house.world.append, house.world.write_chunks

    async def appended(run_id: RunId, events: Any, **rest: Any) -> Any:
        if any(event.name == "step_completed" for event in events):
            written.append(await house.world.tail_index(run_id, "default") + 1)
        return await append(run_id, events, **rest)

    async def slowly(*args: Any, **rest: Any) -> Any:
        for _ in range(50):
            await asyncio.sleep(0)
        return await write(*args, **rest)

    house.world.append = appended  # type: ignore[method-assign]  # it looks on
    house.world.write_chunks = slowly  # type: ignore[method-assign]  # likewise
    await ran(house, FLOWS.counts)
    assert written == [3, 5]


async def test_what_a_step_wrote_before_its_time_was_up_stays(house: House) -> None:
    run = await ran(house, FLOWS.times_out)
    with pytest.raises(RunFailed):
        await run.result()
    assert await read(run) == ["begun"]


async def test_a_fork_takes_along_what_its_steps_wrote(house: House) -> None:
    """And writes to a stream of its own, though what it copied names that of the other run."""
    run = await ran(house, FLOWS.forked)
    second = (await run.steps())[1]
    fork = await run.fork(second.id)
    await house.worker().run_until_idle()
    house.advance(hours=2)
    await house.worker().run_until_idle()
    assert await fork.result() == fork.id
    assert await read(fork) == ["first", "second", "third"]
    assert await read(run) == ["first", "second", "third"]
    again = await fork.fork((await fork.steps())[2].id)
    await house.worker().run_until_idle()
    assert await read(again) == ["first", "second", "third"]


@pytest.mark.parametrize("inline", [0, 16])
async def test_a_fork_writes_for_itself_what_it_copied_unfinished(
    house: House, journal: Journal, inline: int
) -> None:
    """The recorded arguments of the step name the stream of the first run, also in a fork's fork.

    A queued attempt takes them as they are.
    """
    await house.embedded(announce_after_s=0.001, inline_steps=inline)
    first = await house.start(FLOWS.waits, 2)
    runs = [first]
    for _ in range(2):
        await house.logged(runs[-1], "step_started")
        await until(lambda: len(journal.calls) == len(runs))
        runs.append(await runs[-1].fork(len(await house.log(runs[-1])) + 1))
    journal.gate.set()
    for run in runs:
        await run.result()
        assert await read(run) == [0, 1], runs.index(run)


async def test_a_rerun_is_given_what_it_is_given(house: House) -> None:
    """A handle in its arguments names the run that made it, which has ended."""
    run = await ran(house, FLOWS.counts)
    out: Writable[str] = Writable(StreamName(run.id, "default"))
    again = await (await house.start(FLOWS.child, out, "x")).rerun()
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="StreamClosed"):
        await again.result()


async def test_who_has_not_read_to_the_end_is_told_that_the_rest_is_gone(house: House) -> None:
    """A stream that was removed looks like one that has ended, but is not."""
    run = await house.start(FLOWS.many_counts, 300, retention="1s")
    await house.worker().run_until_idle()
    reader = aiter(run.stream())
    assert [await anext(reader) for _ in range(10)] == list(range(10))
    house.advance(minutes=1)
    assert await house.world.gc(kept_us=0) == (run.id,)
    with pytest.raises(RunNotFound, match="removed while"):
        async for _ in reader:
            pass


async def test_an_unknown_run_is_told(house: House) -> None:
    run: Run[Any] = Run(RunId("run_none"), house._client)
    for asked in (read(run), run.tail_index(), run.streams()):
        with pytest.raises(RunNotFound, match="run_none"):
            await asked


async def test_an_index_is_a_whole_number(house: House) -> None:
    run: Run[Any] = Run(RunId("run_none"), house._client)
    with pytest.raises(TypeError, match=r"start_index='3'; give a whole number"):
        run.stream(start_index=cast("int", "3"))


async def test_outside_of_runs_there_is_nothing_to_write_to() -> None:
    """Neither a stream nor an attempt that writes."""
    with pytest.raises(OutsideWorkflow, match=r"get_run\(id\)\.stream\(\)"):
        get_writable()
    out: Writable[Any] = Writable(StreamName(RunId("run_1"), "out"))
    assert repr(out) == "Writable('out' of run_1)"
    for write in (out.write(1), out.close()):
        with pytest.raises(OutsideWorkflow, match="no step of a run"):
            await write


async def test_a_reader_in_another_process_follows(tmp_path: Path) -> None:
    """By the file alone: here another connection stands for the other process."""
    writing, reading = (SqliteWorld(tmp_path / "world.db") for _ in range(2))
    for world in (writing, reading):
        await world.open()
    owner = await owned(writing)
    found: list[bytes] = []

    async def read_all() -> None:
        async for row in rows(Session(reading, None), RUN, "out", 0):
            found.append(row.body)  # noqa: PERF401 - the test looks on

    following = asyncio.create_task(read_all())
    for number in range(3):
        chunk = NewChunk(form=Form.RAW, body=b"%d" % number)
        last = StreamWrite(namespace="out", chunks=(chunk,), close=number == 2)
        await writing.write_chunks(RUN, last, guard=owner)
        await until(lambda number=number: len(found) > number)  # type: ignore[misc]  # mypy infers no default
    await following
    assert found == [b"0", b"1", b"2"]
    for world in (writing, reading):
        await world.close()
