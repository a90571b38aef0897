"""Closure steps: bodies that are closures of live code, whose attempts need the run's lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import wfc
from tests.runtime.flows import Journal
from tests.runtime.house import House, until
from tests.runtime.programs import Program
from tests.runtime.test_worker import stand_still
from wfc.clock import VirtualClock
from wfc.errors import OutsideWorkflow, RetryableError, RunFailed, Unserialisable
from wfc.eventlog.event import StepCompleted, StepCreated, StepRetrying
from wfc.ids import DefinitionId
from wfc.runtime.closures import closure_step
from wfc.worlds.open import open_world

STEP = DefinitionId("library:think")

LIVED = Program(
    "closure_flows",
    '''
    """Workflows whose library calls closure steps."""
    import asyncio
    import sys

    import wfc
    from wfc import sleep


    async def add(left: int, right: int) -> int:
        "use step"
        sys.journal.calls.append(("add", left, right))
        return left + right


    async def thinks(number: int) -> list:
        "use workflow"
        heard = []

        async def body():
            return await wfc.deed(number, heard)

        first = await wfc.think(body)
        second = await wfc.think(body)
        return [first, second, heard]


    async def thinks_between(number: int) -> int:
        "use workflow"
        heard = await wfc.think(lambda: wfc.deed(number, []))
        await sleep("1 day")
        return await add(heard, number)


    async def thinks_together(count: int) -> int:
        "use workflow"
        each = [wfc.think(lambda n=number: wfc.deed(n, [])) for number in range(count)]
        return sum(await asyncio.gather(*each))


    async def thinks_once(number: int) -> int:
        "use workflow"
        return await wfc.think(lambda: wfc.deed(number, []), attempts=1)


    async def in_time(number: int) -> str:
        "use workflow"
        try:
            async with asyncio.timeout(60):
                await wfc.think(lambda: wfc.deed(number, []))
        except TimeoutError:
            return "late"
        return "early"


    async def reads(number: int) -> str:
        "use workflow"
        return await wfc.think(lambda: wfc.deed(number, []), annotation=str)
    ''',
)
FLOWS: Any = LIVED.module


@pytest.fixture(params=["memory", "sqlite"])
async def lived(
    request: pytest.FixtureRequest, tmp_path: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    async def deed(number: int, heard: list[int]) -> Any:
        journal.calls.append(("deed", number))
        heard.append(number)
        if journal.failures:
            raise journal.failures.pop(0)
        if journal.holds_once:
            journal.entered.set()
            await journal.gate.wait()
        return object() if number < 0 else number

    def think(
        body: Callable[[], Awaitable[Any]], annotation: Any = None, **policy: Any
    ) -> Awaitable[Any]:
        return closure_step(STEP, body, policy=policy, annotation=annotation)

    monkeypatch.setattr(wfc, "deed", deed, raising=False)
    monkeypatch.setattr(wfc, "think", think, raising=False)
    clock = VirtualClock()
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/world.db"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, LIVED.version).open()
    yield made
    journal.gate.set()
    await made.close()


async def test_a_closure_is_recorded_without_arguments(lived: House, journal: Journal) -> None:
    """One event each, as any inline step; the workflow gets a copy of what it returned."""
    run = await lived.start(FLOWS.thinks, 3)
    await lived.worker().run_until_idle()
    # What the body has written to its closure is no part of what is recorded.
    assert (await run.result())[:2] == [3, 3]
    assert await lived.log(run) == [
        "run_created", "run_started", "step_completed", "step_completed", "run_completed",
    ]  # fmt: skip
    for number, event in enumerate(await lived.events(run, StepCompleted)):
        assert event.operation_id == f"think#{number}"  # of library code: a bare name
        created = event.created
        assert (created.step, created.closure) == (STEP, True)
        assert (created.arguments, created.digest) == (None, None)


@pytest.mark.parametrize("always", [False, True], ids=["live", "always replay"])
async def test_what_is_recorded_is_not_done_again(
    lived: House, journal: Journal, *, always: bool
) -> None:
    """Another worker finds the call again by replay and has its result from the log."""
    run = await lived.start(FLOWS.thinks_between, 4)
    await lived.worker(always_replay=always).run_until_idle()
    lived.advance(days=1)
    await lived.worker(always_replay=always).run_until_idle()
    assert await run.result() == 8
    assert journal.calls == [("deed", 4), ("add", 4, 4)]


async def test_a_short_retry_stays_with_its_owner(lived: House, journal: Journal) -> None:
    """Or goes to whoever claims the run then: no message offers it to others."""
    journal.failures = [RetryableError("later", retry_after="1s")]
    run = await lived.start(FLOWS.thinks_between, 4)
    worker = lived.worker()
    await worker.run_until_idle()
    lived.advance(seconds=1)
    await worker.run_until_idle()
    assert journal.calls == [("deed", 4)] * 2
    assert (await lived.log(run))[-1] == "wait_created"


async def test_a_late_retry_is_made_by_another_worker(lived: House, journal: Journal) -> None:
    journal.failures = [RetryableError("later", retry_after="1h")]
    run = await lived.start(FLOWS.thinks_between, 4)
    await lived.worker().run_until_idle()
    (retrying,) = await lived.events(run, StepRetrying)
    assert retrying.created.closure
    lived.advance(minutes=59)
    second = lived.worker()
    await second.run_until_idle()
    assert journal.calls == [("deed", 4)]
    lived.advance(minutes=1)
    await second.run_until_idle()
    assert journal.calls == [("deed", 4)] * 2
    assert (await lived.log(run))[2:] == [
        "step_retrying", "step_started", "step_completed", "wait_created",
    ]  # fmt: skip


async def test_a_late_retry_is_woken(lived: House, journal: Journal) -> None:
    journal.failures = [RetryableError("later", retry_after="1h")]
    run = await lived.start(FLOWS.thinks_between, 4)
    await lived.worker().run_until_idle()
    assert await run.wake_up() == 1
    await lived.worker().run_until_idle()
    assert journal.calls == [("deed", 4)] * 2


async def test_policies_of_closures_are_those_of_their_calls(
    lived: House, journal: Journal
) -> None:
    """Not of the first that had the same name."""
    journal.failures = [ValueError("one"), ValueError("two")]
    worker = lived.worker()
    twice = await lived.start(FLOWS.thinks, 3)
    await worker.run_until_idle()
    lived.advance(minutes=1)
    await worker.run_until_idle()
    lived.advance(minutes=1)
    await worker.run_until_idle()
    assert (await twice.result())[:2] == [3, 3]
    journal.failures = [ValueError("three")]
    once = await lived.start(FLOWS.thinks_once, 5)
    await worker.run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await once.result()
    assert str(caught.value.cause) == "three"
    log = await lived.log(once)
    assert log[2:5] == ["step_created", "step_started", "step_failed"]  # its start came first
    (created,) = await lived.events(once, StepCreated)
    assert (created.closure, created.policy.attempts) == (True, 1)


async def test_closures_are_never_offered_to_others(lived: House, journal: Journal) -> None:
    """Those for which there is no room wait for it with the owner."""
    journal.holds_once = True
    await lived.embedded(announce_after_s=0.01)
    run = await lived.start(FLOWS.thinks_together, 20)
    await lived.logged(run, "step_created")
    assert len(journal.calls) == 16
    journal.gate.set()
    assert await run.result("10s") == sum(range(20))
    assert len(journal.calls) == 20


async def test_a_lost_attempt_counts(lived: House, journal: Journal) -> None:
    journal.holds_once = True
    first = lived.worker(lease_s=30)
    await first.start()
    run = await lived.start(FLOWS.thinks_between, 4)
    await journal.entered.wait()
    await stand_still(first)
    lived.advance(seconds=31)
    second_idle = asyncio.create_task(lived.worker().run_until_idle())
    await until(lambda: len(journal.calls) == 2)
    journal.gate.set()
    await second_idle
    (lost,) = await lived.events(run, StepRetrying)
    assert (lost.attempt, lost.created.closure) == (1, True)
    assert (await lived.log(run))[-1] == "wait_created"


async def test_a_closure_under_way_keeps_its_execution(lived: House, journal: Journal) -> None:
    """What comes from outside meanwhile is heard by the same code, even if all is replayed."""
    journal.holds_once = True
    worker = await lived.embedded(always_replay=True, executions=0)
    run = await lived.start(FLOWS.thinks_between, 4)
    await journal.entered.wait()
    await run.set_attributes({"seen": True})
    await until(lambda: any(one.ledger.length == 3 for one in worker.owned.active.values()))
    assert all(one.execution is not None for one in worker.owned.active.values())
    journal.gate.set()
    await lived.logged(run, "wait_created")
    assert journal.calls == [("deed", 4)]


async def test_a_closure_is_cancelled_with_its_run(lived: House, journal: Journal) -> None:
    journal.holds_once = True
    await lived.embedded()
    run = await lived.start(FLOWS.in_time, 4)
    await journal.entered.wait()
    await lived.logged(run, "wait_created")
    assert await run.wake_up() == 1
    assert await run.result("10s") == "late"
    assert "step_cancelled" in await lived.log(run)


async def test_a_paused_run_records_what_its_closure_came_to(
    lived: House, journal: Journal
) -> None:
    journal.holds_once = True
    worker = await lived.embedded()
    run = await lived.start(FLOWS.thinks_between, 4)
    await journal.entered.wait()
    await run.pause()
    await until(lambda: all(one.ledger.paused for one in worker.owned.active.values()))
    journal.gate.set()
    await lived.logged(run, "step_completed")
    await run.unpause()
    await lived.logged(run, "wait_created")
    assert journal.calls == [("deed", 4)]


async def test_what_no_payload_holds_fails_the_step(lived: House, journal: Journal) -> None:
    run = await lived.start(FLOWS.thinks_once, -1)
    await lived.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert isinstance(caught.value.cause, Unserialisable)
    assert "the result of step `think`" in str(caught.value.cause)


async def test_a_result_that_does_not_fit_is_told_at_the_call(
    lived: House, journal: Journal
) -> None:
    run = await lived.start(FLOWS.reads, 5)
    await lived.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.kind == "codec"


async def test_outside_of_a_run_there_is_none() -> None:
    async def nothing() -> None:
        await asyncio.sleep(0)

    with pytest.raises(OutsideWorkflow, match="the closure step library:think"):
        await closure_step(STEP, nothing)
