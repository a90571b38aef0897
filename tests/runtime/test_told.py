"""What workflow code adds to streams: by the commits of its run, once, whoever executes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import wfc
from tests.runtime.flows import Journal
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.clock import VirtualClock
from wfc.errors import RunFailed
from wfc.eventlog.entity import RunStatus
from wfc.ids import DefinitionId
from wfc.runtime import context
from wfc.runtime.closures import closure_step
from wfc.runtime.retry import Closure, never_retry
from wfc.worlds.chunks import Form, NewChunk, StreamWrite
from wfc.worlds.open import open_world

TOLD = Program(
    "told_flows",
    '''
    """Workflows whose library adds to streams."""
    import wfc
    from wfc import create_hook, sleep


    async def tells(count: int) -> int:
        "use workflow"
        wfc.tell("begin")
        for number in range(count):
            wfc.tell(f"asked {number}")
            await wfc.think(number)
            wfc.tell(f"answered {number}")
        await sleep("1 day")
        wfc.tell("end", close=True)
        return count


    async def breaks(count: int) -> int:
        "use workflow"
        wfc.tell("begin", epilogue="sorry")
        await wfc.think(1)
        wfc.tell("half")
        raise ValueError("no")


    async def only_tells(count: int) -> int:
        "use workflow"
        wfc.tell("all", close=True)
        return count


    async def judged(count: int) -> int:
        "use workflow"
        return await wfc.think(count)
    ''',
)
FLOWS: Any = TOLD.module
STEP = DefinitionId("library:think")


class Odd(Exception):
    """An answer, and no failure."""


@pytest.fixture(params=["memory", "sqlite"])
async def told(
    request: pytest.FixtureRequest, tmp_path: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    def tell(text: str, *, close: bool = False, epilogue: str | None = None) -> None:
        end = {RunStatus.FAILED: (chunk(epilogue or ""),)}
        context.needed("tell").tell(
            StreamWrite(
                namespace="told",
                chunks=(chunk(text),),
                close=close,
                epilogue=end if epilogue else None,
                spare=True,
            )
        )

    async def think(number: int) -> Any:
        async def body() -> int:
            journal.calls.append(number)
            if journal.failures:
                raise journal.failures.pop(0)
            return number

        def asked(error: BaseException) -> float | None:
            return 60.0 if isinstance(error, TimeoutError) else None

        closure = Closure(call=body, give_up_on=KeyError, retry_after=asked)
        return await closure_step(STEP, closure)

    monkeypatch.setattr(wfc, "tell", tell, raising=False)
    monkeypatch.setattr(wfc, "think", think, raising=False)
    clock = VirtualClock()
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/world.db"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, TOLD.version).open()
    yield made
    await made.close()


def chunk(text: str) -> NewChunk:
    return NewChunk(form=Form.RAW, body=text.encode(), key=text)


async def written(house: House, run: Any) -> list[str]:
    page = await house.world.read_chunks(run.id, "told", 0, 1000)
    assert [one.index for one in page.chunks] == list(range(len(page.chunks)))
    return [one.body.decode() for one in page.chunks]


@pytest.mark.parametrize("always", [False, True], ids=["live", "always replay"])
async def test_it_is_written_once_and_in_order(
    told: House, journal: Journal, *, always: bool
) -> None:
    """Another worker that comes to it anew writes none of it again."""
    run = await told.start(FLOWS.tells, 2)
    await told.worker(always_replay=always).run_until_idle()
    soon = ["begin", "asked 0", "answered 0", "asked 1", "answered 1"]
    assert await written(told, run) == soon
    told.advance(days=1)
    await told.worker(always_replay=always).run_until_idle()
    assert await run.result() == 2
    assert await written(told, run) == [*soon, "end"]
    assert (await told.world.read_chunks(run.id, "told", 0)).closed
    assert journal.calls == [0, 1]


async def test_the_end_writes_what_was_stored_for_it(told: House, journal: Journal) -> None:
    run = await told.start(FLOWS.breaks, 2)
    await told.worker().run_until_idle()
    with pytest.raises(RunFailed):
        await run.result()
    assert await written(told, run) == ["begin", "half", "sorry"]


async def test_it_asks_for_no_event(told: House, journal: Journal) -> None:
    run = await told.start(FLOWS.only_tells, 2)
    await told.worker().run_until_idle()
    assert await told.log(run) == ["run_created", "run_started", "run_completed"]
    assert await written(told, run) == ["all"]


async def test_a_rebuilt_run_writes_only_what_may_be_missing(
    told: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the run had said before its owner's last event came with that event."""
    run = await told.start(FLOWS.tells, 3)
    await told.worker().run_until_idle()
    wanted: list[int] = []
    append = told.world.append

    async def counted(*args: Any, **kwargs: Any) -> Any:
        wanted.append(sum(len(one.chunks) for one in kwargs.get("chunks", ())))
        return await append(*args, **kwargs)

    monkeypatch.setattr(told.world, "append", counted)
    told.advance(days=1)
    await told.worker().run_until_idle()
    assert sum(wanted) <= 2
    assert len(await written(told, run)) == 8


async def test_a_closure_says_how_its_errors_are_judged(told: House, journal: Journal) -> None:
    journal.failures = [KeyError("never again")]
    run = await told.start(FLOWS.judged, 7)
    await told.worker().run_until_idle()
    with pytest.raises(RunFailed):
        await run.result()
    assert journal.calls == [7]


async def test_a_closure_says_when_it_is_tried_again(told: House, journal: Journal) -> None:
    journal.failures = [TimeoutError()]
    run = await told.start(FLOWS.judged, 7)
    worker = told.worker()
    await worker.run_until_idle()
    told.advance(seconds=59)
    await worker.run_until_idle()
    assert journal.calls == [7]
    told.advance(seconds=1)
    await worker.run_until_idle()
    assert await run.result() == 7


async def test_an_answer_is_no_failure(told: House, journal: Journal) -> None:
    """Whatever body raises it: it is recorded at its first attempt."""
    never_retry(Odd, Odd)
    journal.failures = [Odd("so")]
    run = await told.start(FLOWS.judged, 7)
    await told.worker().run_until_idle()
    with pytest.raises(RunFailed):
        await run.result()
    assert journal.calls == [7]
