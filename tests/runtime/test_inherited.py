"""A restart loses no message: the next chapter takes over the hooks whose token the code chose."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.hook_chapter_flows import FLOWS, PROGRAM
from tests.runtime.house import House
from wfc.clock import VirtualClock
from wfc.errors import HookClosed, HookNotFound, RunFailed
from wfc.eventlog.event import HookConflicted, HookCreated, HookDisposed, RunRestarted
from wfc.eventlog.fold import fold
from wfc.runtime.hook_door import send
from wfc.runtime.ledger import Ledger
from wfc.runtime.limits import Limits
from wfc.worlds.open import open_world
from wfc.worlds.protocol import HookFilter, RunFilter

WAYS = ["memory", "sqlite", "memory, always replay"]


@pytest.fixture(params=WAYS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    clock = VirtualClock()
    url = f"sqlite:///{tmp_path}/world.db" if request.param == "sqlite" else "memory:"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    made.worker(always_replay="always" in request.param)
    yield made
    await made.close()


async def idle(house: House) -> None:
    """Let the worker do what there is; every log is legal, and read alike from the middle."""
    await house.workers[-1].run_until_idle()
    for row in (await house.world.list_runs(RunFilter(), limit=200)).runs:
        log = await house.world.history(row.run_id, 0, 10_000)
        state, ledger = fold(log), Ledger()
        for each in log:
            ledger.note(each)
        assert {name for name, status in ledger.law.hooks.items() if status == 1} == {
            name for name, hook in state.hooks.items() if hook.status == "active"
        }


async def tell(house: House, payload: Any, token: str = "line") -> None:  # noqa: S107 - no secret
    await send(await house._client(), token, payload)


async def test_what_was_not_read_is_read_by_the_next_chapter(house: House) -> None:
    """In order, with what comes later."""
    run = await house.start(FLOWS.listens, 2, [])
    await idle(house)
    for number in range(2):
        await tell(house, number)
    await idle(house)
    await tell(house, 2)
    await idle(house)
    assert await run.result("1s") == [0, 1, 2]
    log = await house.log(run)
    assert log.count("hook_disposed") == 2
    assert not await house.events(run, HookConflicted)
    for at, word in enumerate(log):
        if word == "hook_disposed":
            assert log[at + 1] == "hook_created"


async def test_what_comes_between_two_chapters_is_kept(house: House) -> None:
    """Sent after the code has restarted and before that is written, and before the hook is."""
    run = await house.start(FLOWS.restarts_late, 2, [])
    await idle(house)
    append, waiting = house.world.append, [2, 0]

    async def slow(run_id: Any, events: Any, **how: Any) -> Any:
        words = [one.name for one in events]
        if waiting and run_id == run.id and {"run_restarted", "hook_disposed"} & set(words):
            payload = waiting.pop()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(house.world, "append", append)
                await tell(house, payload)
        return await append(run_id, events, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.world, "append", slow)
        await tell(house, 1, "stop")
        await idle(house)
    assert not waiting
    await tell(house, 1, "stop")
    await idle(house)
    await tell(house, 3)
    await idle(house)
    assert await run.result("1s") == [0, 2, 3]


async def test_a_chapter_may_find_out_first_which_hooks_it_needs(house: House) -> None:
    """Steps at its beginning are no suspension."""
    run = await house.start(FLOWS.asks_first, 1)
    await idle(house)
    await tell(house, 7)
    await idle(house)
    assert await run.result("1s") == 7


async def test_what_is_not_taken_over_is_disposed(house: House) -> None:
    """When the chapter first suspends; hooks with a drawn token at once."""
    run = await house.start(FLOWS.leaves, 1)
    await idle(house)
    (chosen, drawn) = await house.events(run, HookCreated)
    house.advance(seconds=1)
    await idle(house)
    log = await house.log(run)
    restarted = log.index("run_restarted")
    disposed = await house.events(run, HookDisposed)
    assert [one.operation_id for one in disposed] == [drawn.operation_id, chosen.operation_id]
    assert log[:restarted].count("hook_disposed") == 1
    with pytest.raises(HookClosed):
        await tell(house, 1)
    with pytest.raises(HookNotFound):
        await tell(house, 1, drawn.token)
    house.advance(seconds=10)
    await idle(house)
    assert await run.result("1s") == "left"


async def test_a_chapter_that_never_suspends_hands_on_what_it_was_given(house: House) -> None:
    """And its retention keeps the token from others, not from the run itself."""
    run = await house.start(FLOWS.passes_on, 2)
    await idle(house)
    await tell(house, 5)
    await idle(house)
    assert await run.result("1s") == 5
    with pytest.raises(HookNotFound):
        await tell(house, 6)


async def test_who_closes_what_it_took_over_may_open_it_anew(house: House) -> None:
    """What had come by then is gone."""
    run = await house.start(FLOWS.closes, 1)
    await idle(house)
    await tell(house, 1)
    await tell(house, 1, "go")
    await idle(house)
    await tell(house, 2)
    await idle(house)
    assert await run.result("1s") == [2]


async def test_another_worker_takes_over_in_each_chapter(house: House) -> None:
    """It reads the last chapter alone, and knows what was left unread."""
    run = await house.start(FLOWS.listens, 4, [], 2)
    await idle(house)
    for number in range(10):
        await tell(house, number)
        await house.workers[-1].stop()
        house.worker()
        await idle(house)
    assert await run.result("1s") == list(range(10))


async def test_more_than_a_payload_cannot_be_left_unread(house: House) -> None:
    """The run fails and says why."""
    run = await house.start(FLOWS.hoards, 1)
    house.worker(chapter=Limits(payload=2000))
    await idle(house)
    for _ in range(8):
        await tell(house, secrets.token_hex(500))
    await tell(house, 1, "go")
    await idle(house)
    with pytest.raises(RunFailed, match="what a chapter carries over") as caught:
        await run.result("1s")
    assert caught.value.kind == "limit"


async def test_a_sender_that_races_each_restart_loses_and_doubles_nothing(house: House) -> None:
    chapters = 40
    run = await house.start(FLOWS.counts, chapters)
    worker = house.workers[-1]
    await idle(house)
    await worker.start()
    for number in range(chapters + 1):
        await tell(house, number)
        if number % 3 == 0:
            await asyncio.sleep(0)
    assert await run.result("20s") == chapters
    restarted = await house.events(run, RunRestarted)
    assert len(restarted) == chapters


@pytest.mark.parametrize("chapters", [300, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.timeout(600)
async def test_many_chapters_cost_what_one_does(chapters: int) -> None:
    """Events a chapter, rows of hooks and what a new worker reads stay the same."""
    clock = VirtualClock()
    world = open_world("memory:", clock)
    await world.open()
    house = await House(world, clock, PROGRAM.version).open()
    house.worker()
    run = await house.start(FLOWS.counts, chapters)
    await idle_of(house)
    lengths: list[int] = []
    for number in range(chapters):
        await tell(house, number)
        await idle_of(house)
        row = await world.run(run.id)
        assert row is not None
        lengths.append(row.length)
    grown = {after - before for before, after in pairwise(lengths)}
    assert grown == {4}  # received, restarted, disposed, created
    assert len((await world.list_hooks(HookFilter(run_id=run.id), limit=200)).hooks) <= 3
    await house.workers[-1].stop()
    house.worker()
    read: list[int] = []
    history = world.history

    async def counted(*args: Any) -> Any:
        page = await history(*args)
        read.append(len(page))
        return page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "history", counted)
        await tell(house, chapters)
        await idle_of(house)
    assert 0 < sum(read) < 20
    assert await run.result("1s") == chapters
    await house.close()


async def idle_of(house: House) -> None:
    await house.workers[-1].run_until_idle()
