"""What one attempt writes: few commits, bounded memory, and nothing lost without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.runtime.house import until
from wfc.errors import LeaseLost, RunNotFound, StreamClosed, StreamTooLarge, WorldFull
from wfc.ids import OperationId, RunId
from wfc.runtime.inline import Tenure
from wfc.runtime.outlets import UNFLUSHED_BYTES_MAX, UNFLUSHED_MAX, Outlets
from wfc.runtime.writable import StreamName, Writable
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import AttemptOf, NewChunk, Refusal, Refused, StreamWrite, Written

OUT = StreamName(RunId("run_1"), "out")
STEP = OperationId("say~1#0"), 2


class Clerk:
    """A world that takes its time: each write waits for `let`."""

    def __init__(self) -> None:
        self.taken: list[StreamWrite] = []
        self.asked: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Written | Refused | Exception = Written(1)

    async def write_chunks(
        self, run_id: RunId, write: StreamWrite, **rest: Any
    ) -> Written | Refused:
        self.asked.append({"run_id": run_id, **rest})
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Written):
            self.taken.append(write)
        return self.answer


def outlets(clerk: Clerk, fence: int | None = 7) -> Outlets:
    tenure = Tenure()
    tenure.fence = fence
    return Outlets(clerk, RunId("run_1"), STEP, tenure)


def some(count: int = 1, size: int = 1) -> list[NewChunk]:
    return [NewChunk(form=Form.RAW, body=bytes(size)) for _ in range(count)]


async def test_what_comes_meanwhile_goes_together() -> None:
    """The first write is waited for; while the next is under way, the others gather."""
    clerk = Clerk()
    made = outlets(clerk)
    await made.write(OUT, some())
    assert [len(write.chunks) for write in clerk.taken] == [1]
    clerk.gate.clear()
    for _ in range(10):
        await made.write(OUT, some())
        await asyncio.sleep(0)
    clerk.gate.set()
    await made.finish()
    assert [len(write.chunks) for write in clerk.taken] == [1, 1, 9]
    assert [write.step.begins for write in clerk.taken if write.step] == [True, False, False]
    assert {(one["run_id"], one["writer"], one["guard"].fence) for one in clerk.asked} == {
        ("run_1", "run_1", 7)
    }


@pytest.mark.parametrize(("size", "most"), [(1, UNFLUSHED_MAX), (UNFLUSHED_BYTES_MAX // 4, 4)])
async def test_a_body_that_writes_faster_than_the_disk_waits(size: int, most: int) -> None:
    """Never more chunks, nor bytes, are on their way than is said."""
    clerk = Clerk()
    made = outlets(clerk)
    await made.write(OUT, some())
    clerk.gate.clear()
    written = 0

    async def body() -> None:
        nonlocal written
        for _ in range(most * 2):
            await made.write(OUT, some(size=size))
            written += 1

    task = asyncio.create_task(body())
    await until(lambda: written == most - 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert written == most - 1, "the one that fills it waits"
    clerk.gate.set()
    await task
    await made.finish()
    assert sum(len(write.chunks) for write in clerk.taken) == 1 + most * 2


async def test_closing_comes_last_and_is_waited_for() -> None:
    """A second close changes nothing; what is written after it is refused by the handle itself."""
    clerk = Clerk()
    made = outlets(clerk)
    await made.write(OUT, some(3))
    await made.write(OUT, [], close=True)
    assert [write.close for write in clerk.taken] == [False, True]
    await made.write(OUT, [], close=True)
    for chunks, close in (some(), False), (some(), True), ([], False):
        with pytest.raises(StreamClosed, match="was closed by this step"):
            await made.write(OUT, chunks, close=close)
    await made.finish()
    assert len(clerk.taken) == 2


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (Refused(reason=Refusal.CLOSED), StreamClosed),
        (Refused(reason=Refusal.FENCED), LeaseLost),
        (Refused(reason=Refusal.OVER), LeaseLost),
        (Refused(reason=Refusal.MISSING), LeaseLost),
        (WorldFull("the disk is full"), WorldFull),
    ],
)
async def test_what_keeps_a_chunk_from_the_disk_is_told_once(
    answer: Refused | Exception, raised: type[Exception]
) -> None:
    """To the body that writes; else to whoever waits for its end."""
    clerk = Clerk()
    clerk.answer = answer
    told = outlets(clerk)
    with pytest.raises(raised):
        await told.write(OUT, some())
    with pytest.raises(raised):
        await told.write(OUT, some())
    await told.finish()
    clerk.answer = Written(1)
    late = outlets(clerk)
    await late.write(OUT, some())
    clerk.answer = answer
    await late.write(OUT, some())
    with pytest.raises(raised):
        await late.finish()


async def test_a_run_that_is_gone_is_told_as_such() -> None:
    """Of a handle that names another run."""
    clerk = Clerk()
    clerk.answer = Refused(reason=Refusal.MISSING)
    with pytest.raises(RunNotFound, match="run_9"):
        await outlets(clerk).write(StreamName(RunId("run_9"), "out"), some())


async def test_who_does_not_hold_the_run_asks_nobody() -> None:
    """The lease went while the body ran."""
    clerk = Clerk()
    with pytest.raises(LeaseLost):
        await outlets(clerk, fence=None).write(OUT, some())
    assert clerk.asked == []


async def test_a_queued_attempt_writes_by_its_own_right() -> None:
    clerk = Clerk()
    attempt = AttemptOf(STEP[0], 3)
    await Outlets(clerk, RunId("run_1"), STEP, attempt).write(OUT, some())
    assert clerk.asked[0]["guard"] is attempt


async def test_an_attempt_that_is_over_writes_nothing_more() -> None:
    """A thread may go on after it was given up."""
    clerk = Clerk()
    made = outlets(clerk)
    await made.write(OUT, some())
    clerk.gate.clear()
    await made.write(OUT, some())
    await made.write(OUT, some())
    made.drop()
    with pytest.raises(StreamClosed, match="is over"):
        await made.write(OUT, some())
    await made.finish()
    assert len(clerk.taken) == 1


async def test_an_endless_write_is_taken_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body whose values come from a generator holds some of them, and not all."""
    clerk, given = Clerk(), 0
    made = outlets(clerk)

    def endless() -> Iterator[int]:
        nonlocal given
        while True:
            given += 1
            yield given

    async def write_stream(to: StreamName, chunks: list[NewChunk]) -> None:
        await made.write(to, chunks)

    monkeypatch.setattr(Writable, "_attempt", lambda *_: SimpleNamespace(write_stream=write_stream))
    writing = asyncio.create_task(Writable[int](OUT, int).write_many(endless()))
    await until(lambda: len(clerk.taken) > 3)
    clerk.gate.clear()
    await until(lambda: made._outlets[OUT]._count >= UNFLUSHED_MAX)
    assert given <= sum(len(write.chunks) for write in clerk.taken) + UNFLUSHED_MAX + 32
    writing.cancel()
    made.drop()
    await asyncio.gather(writing, return_exceptions=True)


async def test_what_fits_is_written_at_the_limit() -> None:
    """And what was taken before the chunk that does not is not lost with it."""
    clerk, written = Clerk(), 0

    async def write_chunks(run_id: RunId, write: StreamWrite, **rest: Any) -> Written:
        nonlocal written
        if written + len(write.chunks) > 21:
            message = "too many"
            raise StreamTooLarge(message)
        written += len(write.chunks)
        clerk.taken.append(write)
        return Written(written)

    clerk.write_chunks = write_chunks  # type: ignore[method-assign]  # a world with a limit
    made = outlets(clerk)
    await made.write(OUT, some(10))
    await made.write(OUT, some(30))
    with pytest.raises(StreamTooLarge):
        await made.finish()
    assert written == 21
