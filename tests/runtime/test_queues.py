"""Queues and limits: who runs, who waits, and that no limit is ever exceeded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.flows import Journal
from tests.runtime.house import House
from tests.runtime.queue_flows import FLOWS, PROGRAM
from wfc.clock import VirtualClock
from wfc.errors import OptionInvalid, QueueUnknown
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCreated, RunStarted, StepStarted
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.runtime.hook_door import send
from wfc.runtime.queues import Queues, named_queue
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.runtime.worker import Worker
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Limit, RunFilter, SlotState

QUEUES = Queues(
    {
        "one": named_queue("one", concurrency=1),
        "two": named_queue("two", concurrency=2, rate="100/1m"),
        "slow": named_queue("slow", rate="2/1m"),
        "users": named_queue("users", concurrency=1, by="attributes.user"),
        "active": named_queue("active", concurrency=1, slots="active"),
    }
)


class Insiders:
    """Counts the bodies that run at the same time, by the limit they are under."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def __call__(self, limit: str, word: str) -> str:
        self.inside[limit] = self.inside.get(limit, 0) + 1
        self.most[limit] = max(self.most.get(limit, 0), self.inside[limit])
        await asyncio.sleep(0)
        self._journal.calls.append(word)
        self.inside[limit] -= 1
        return word


@pytest.fixture
def insiders(journal: Journal) -> Insiders:
    found = Insiders(journal)
    journal.inside = found  # type: ignore[attr-defined]  # what these bodies look for
    return found


@pytest.fixture(params=["memory", "sqlite", "memory, always replay"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, journal: Journal
) -> AsyncIterator[House]:
    clock = VirtualClock()
    url = f"sqlite:///{tmp_path}/world.db" if request.param == "sqlite" else "memory:"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version, queues=QUEUES).open()
    made.worker(always_replay="always" in request.param)
    yield made
    await made.close()


async def idle(house: House) -> None:
    """Work until nothing is due, and see that every log is legal and no slot is wasted."""
    await house.workers[0].run_until_idle()
    for row in (await house.world.list_runs(RunFilter(), limit=200)).runs:
        fold(await house.world.history(row.run_id, 0, 2000))
    assert (await house.world.sweep()).total() == 0
    for state in await house.world.gates():
        most = state.limit.concurrency
        assert most is None or state.held <= most
        full = most is not None and state.held == most
        assert not state.waiting or full or state.opens_at is not None


async def statuses(*runs: Run[Any]) -> list[str]:
    return [str(await run.status()) for run in runs]


async def answer(house: House, token: str) -> None:
    await send(house.session, token, token)
    await idle(house)


# --- queues of runs ------------------------------------------------------------------------------


async def test_the_next_one_begins_when_one_ends(house: House) -> None:
    """Until then it stays pending, by priority, then age."""
    runs = [await house.start(FLOWS.held, word, queue="one", priority=rank) for word, rank in
            (("a", 0), ("b", 0), ("c", 0), ("d", 5))]  # fmt: skip
    await idle(house)
    assert await statuses(*runs) == ["suspended", "pending", "pending", "pending"]
    await answer(house, "a")
    assert await statuses(*runs) == ["completed", "pending", "pending", "suspended"]
    await answer(house, "d")
    assert await statuses(*runs) == ["completed", "suspended", "pending", "completed"]
    await runs[1].cancel(force=True)
    await idle(house)
    assert await statuses(*runs) == ["completed", "cancelled", "suspended", "completed"]
    (state,) = [each for each in await house.world.gates() if each.gate.limit == "queue:one"]
    assert (state.held, state.waiting) == (1, 0)


async def test_an_embedded_worker_begins_no_run_without_a_slot(house: House) -> None:
    """Nor does a run in a queue say that it was started before it was."""
    worker = await house.embedded()
    first = await house.start(FLOWS.held, "a", queue="one")
    second = await house.start(FLOWS.held, "b", queue="one")
    await house.logged(first, "hook_created")
    assert await house.log(second) == ["run_created"]
    await send(house.session, "a", "x")
    await house.logged(second, "hook_created")
    await worker.stop()
    assert await first.result("1s") == "x"


async def test_limits_count_by_an_attribute(house: House, journal: Journal) -> None:
    """A user who waits holds up no other; those without the attribute share one slot."""
    users = ["ann", "ann", "bob", None, None]
    given = [{} if user is None else {"user": user} for user in users]
    runs = [
        await house.start(FLOWS.held, f"{number}", queue="users", attributes=attributes)
        for number, attributes in enumerate(given)
    ]
    await idle(house)
    waiting = ["suspended", "pending", "suspended", "suspended", "pending"]
    assert await statuses(*runs) == waiting
    (created,) = await house.events(runs[2], RunCreated)
    assert (created.queue, created.queue_key) == ("users", '"bob"')


async def test_a_rate_lets_the_first_ones_go_and_then_one_by_one(
    house: House, journal: Journal
) -> None:
    """Two a minute: two at once, and one more every thirty seconds."""
    for word in "abcd":
        await house.start(FLOWS.plain, word, queue="slow")
    await idle(house)
    assert journal.calls == ["a", "b"]
    for word in "cd":
        house.advance(seconds=29)
        await idle(house)
        assert word not in journal.calls
        house.advance(seconds=1)
        await idle(house)
        assert journal.calls[-1] == word


async def test_a_queue_for_the_active_lets_others_run_meanwhile(
    house: House, journal: Journal
) -> None:
    """Whoever sleeps has no slot; an open queue keeps it."""
    for queue in ("active", "one"):
        for word in "ab":
            await house.start(FLOWS.sleeper, f"{queue} {word}", queue=queue)
    await idle(house)
    assert set(journal.calls) == {"active a begins", "active b begins", "one a begins"}
    house.advance(hours=1)
    await idle(house)
    assert "active a ends" in journal.calls
    assert "active b ends" in journal.calls
    assert journal.calls.index("one b begins") > journal.calls.index("one a ends")


async def test_fibonacci_in_a_queue_of_one(house: House, journal: Journal) -> None:
    """A parent holds no slot while it waits for its children."""
    run = await house.start(FLOWS.fib, 5)
    await idle(house)
    assert await run.result("1s") == 5
    assert len([word for word in journal.calls if word.startswith("fib")]) == 7


async def test_a_restart_keeps_the_slot(house: House, journal: Journal) -> None:
    """The next chapter goes on while others wait."""
    runs = [await house.start(FLOWS.counts, 2, queue="one") for _ in range(2)]
    await idle(house)
    assert await statuses(*runs) == ["completed", "completed"]
    assert journal.calls == ["count 2", "count 1", "count 0"] * 2


async def test_a_cancelled_run_waits_for_no_slot(house: House, journal: Journal) -> None:
    """It never began, and ends at once."""
    first = await house.start(FLOWS.held, "a", queue="one")
    second = await house.start(FLOWS.held, "b", queue="one")
    await idle(house)
    await second.cancel("enough")
    await idle(house)
    assert await statuses(first, second) == ["suspended", "cancelled"]
    assert journal.calls == []


async def test_a_delayed_run_stands_in_line_from_its_instant(house: House) -> None:
    """And waking it up puts it there earlier."""
    delayed = await house.start(FLOWS.held, "late", queue="one", delay="1h", priority=9)
    first = await house.start(FLOWS.held, "a", queue="one")
    second = await house.start(FLOWS.held, "b", queue="one")
    await idle(house)
    assert await statuses(delayed, first, second) == ["pending", "suspended", "pending"]
    assert await delayed.wake_up() == 1
    await idle(house)
    await answer(house, "a")
    assert await statuses(delayed, second) == ["suspended", "pending"]


async def test_a_paused_run_lets_others_by(house: House) -> None:
    """Before it has begun; then it keeps its slot."""
    runs = [await house.start(FLOWS.held, word, queue="one") for word in "abc"]
    await idle(house)
    await runs[1].pause()
    await runs[0].pause()
    await idle(house)
    assert await statuses(*runs) == ["suspended", "pending", "pending"]
    await runs[0].unpause()
    await answer(house, "a")
    assert await statuses(*runs) == ["completed", "pending", "suspended"]
    await runs[1].unpause()
    await answer(house, "c")
    assert await statuses(*runs) == ["completed", "suspended", "completed"]


async def test_reruns_and_forks_stay_in_the_queue(house: House) -> None:
    """They are runs like the one that they came from."""
    first = await house.start(FLOWS.held, "a", queue="one")
    await idle(house)
    await answer(house, "a")
    again = await first.rerun()
    forked = await first.fork(3)
    for run in (again, forked):
        (created,) = await house.events(run, RunCreated)
        assert created.queue == "one"
    await idle(house)
    standings = [one for run in (again, forked) for one in await house.world.standings(run.id)]
    assert sorted(one.state for one in standings) == [SlotState.WAITING, SlotState.HELD]


async def test_an_unknown_queue_is_refused(house: House) -> None:
    """Nothing is started, here or in workflow code."""
    with pytest.raises(QueueUnknown, match=r"no queue is called 'ones'; did you mean 'one'\?"):
        await house.start(FLOWS.plain, "a", queue="ones")
    with pytest.raises(OptionInvalid, match="`queue` = 1"):
        await house.start(FLOWS.plain, "a", queue=1)
    assert (await house.world.list_runs(RunFilter())).runs == ()
    run = await house.start(FLOWS.parent, "a")
    await idle(house)
    assert await run.result("1s") == "no queue is called 'nowhere'"


async def test_a_child_waits_in_its_queue(house: House) -> None:
    """Its limits count by its own attributes."""
    blocker = await house.start(FLOWS.held, "a", queue="users", attributes={"user": "ann"})
    mother = await house.start(FLOWS.mother, "ann")
    await idle(house)
    page = await house.world.list_runs(RunFilter(parent_id=mother.id))
    (child,) = page.runs
    assert child.status is RunStatus.PENDING
    (standing,) = await house.world.standings(child.run_id)
    assert (standing.ahead, standing.gate.key) == (0, '"ann"')
    assert [one.run_id for one in standing.holders] == [blocker.id]
    await answer(house, "a")
    assert await mother.result("1s") == "ann"


# --- limits of functions -------------------------------------------------------------------------


async def test_a_workflow_has_a_limit_of_its_own(house: House) -> None:
    """By the value of a parameter, given or by default."""
    runs = [
        await house.start(FLOWS.limited, *call)
        for call in (("a",), ("b", "ann"), ("c", "bob"), ("d", "bob"))
    ]
    await idle(house)
    assert await statuses(*runs) == ["suspended", "pending", "suspended", "pending"]
    await answer(house, "a")
    assert await statuses(*runs) == ["completed", "suspended", "suspended", "pending"]
    again = await runs[0].rerun(arguments={"word": "e", "user": "eve"})
    await idle(house)
    assert await statuses(again) == ["suspended"]


async def test_a_step_s_limit_holds_over_all_runs(
    house: House, insiders: Insiders, journal: Journal
) -> None:
    """And every start is committed before the body runs."""
    words = [f"{number}" for number in range(6)]
    runs = [await house.start(FLOWS.many, words) for _ in range(3)]
    await idle(house)
    for run in runs:
        assert await run.result("1s") == words
        assert len(await house.events(run, StepStarted)) == len(words)
    assert insiders.most == {"alone": 1}


async def test_a_step_s_limit_holds_over_all_workers(
    house: House, insiders: Insiders, journal: Journal
) -> None:
    """They work at the same time, and take turns."""
    others = [house.worker() for _ in range(2)]
    runs = [await house.start(FLOWS.many, ["a", "b", "c", "d"]) for _ in range(4)]
    await asyncio.gather(*(worker.run_until_idle() for worker in (house.workers[0], *others)))
    await idle(house)
    assert [await run.result("1s") for run in runs] == [["a", "b", "c", "d"]] * 4
    assert insiders.most == {"alone": 1}


async def test_a_step_is_limited_by_a_parameter(
    house: House, insiders: Insiders, journal: Journal
) -> None:
    """The default counts like the same value given."""
    calls = [["a"], ["b", "ann"], ["c", "bob"], ["d"], ["e", "bob"]]
    run = await house.start(FLOWS.by_user, calls)
    await idle(house)
    assert await run.result("1s") == ["a", "b", "c", "d", "e"]
    assert insiders.most == {"user ann": 1, "user bob": 1}
    keys = {each.gate.key for each in await house.world.gates()}
    assert "ann" not in "".join(keys)


async def test_retries_wait_in_line_again(
    house: House, insiders: Insiders, journal: Journal
) -> None:
    """Without a slot in between; whether two bodies meet is chance."""
    words = ["a", "b", "c", "d", "e"]
    run = await house.start(FLOWS.retried, words)
    await idle(house)
    house.advance(seconds=2)
    await idle(house)
    assert await run.result("1s") == words
    assert insiders.most["flaky"] <= 2


async def test_steps_that_a_restart_withdraws_give_their_slots_back(
    house: House, insiders: Insiders, journal: Journal
) -> None:
    """Whether they waited or had one."""
    runs = [await house.start(FLOWS.leaves_steps, 3) for _ in range(2)]
    await idle(house)
    assert [await run.result("1s") for run in runs] == [3, 3]
    house.advance(seconds=20)
    await house.workers[0].membership.keep()
    await idle(house)
    gates = [each for each in await house.world.gates() if each.gate.limit.endswith(":alone")]
    assert [(each.held, each.waiting) for each in gates] == [(0, 0)]
    assert insiders.most.get("alone", 0) <= 1


async def test_a_rate_of_a_step(house: House, journal: Journal) -> None:
    """Two a minute, whichever run calls it."""
    runs = [await house.start(FLOWS.slow, [f"{name}1", f"{name}2"]) for name in "ab"]
    await idle(house)
    assert len(journal.calls) == 2
    for count in (3, 4):
        house.advance(seconds=30)
        await idle(house)
        assert len(journal.calls) == count
    assert await statuses(*runs) == ["completed", "completed"]


async def test_a_step_of_a_queue_runs_where_it_is_served(house: House, journal: Journal) -> None:
    """The run waits for a worker of the queue; who serves all is one."""
    served: list[Worker] = []
    for queues in (("cpu",), ("gpu",)):
        registry = Registry(PROGRAM.version, queues=QUEUES)
        made = Worker(house.world, registry, limits=WorkerLimits(), queues=queues)
        house.workers.append(made)
        served.append(made)
    run = await house.start(FLOWS.computes, "a")
    await served[0].run_until_idle()
    assert journal.calls == []
    assert await statuses(run) == ["suspended"]
    await served[1].run_until_idle()
    assert journal.calls[0] == "a"
    await served[0].run_until_idle()
    assert await run.result("1s") == "a"
    (event,) = await house.events(run, StepStarted)
    assert event.worker_id == served[1].worker_id
    another = await house.start(FLOWS.computes, "b")
    await idle(house)
    assert await another.result("1s") == "b"


async def test_everybody_is_told_who_waits_for_what(house: House, journal: Journal) -> None:
    """Behind whom, since when, and until when a rate lets nobody pass."""
    runs = [await house.start(FLOWS.held, word, queue="one") for word in "abc"]
    slow = [await house.start(FLOWS.plain, word, queue="slow") for word in "xyz"]
    steps = await house.start(FLOWS.slow, ["1", "2", "3"])
    await idle(house)
    house.advance(seconds=5)
    await house.workers[0].membership.keep()
    why = await runs[2].why()
    assert (str(why.kind), why.next_action) == ("queued", "wfc queues --waiting")
    assert why.sentence == f"In queue `one` for 5 s behind 1 other; {runs[0].id} holds its slot."
    why = await slow[2].why()
    assert why.sentence == "In queue `slow` for 5 s; its rate lets the next one begin in 25 s."
    assert why.until is not None
    why = await steps.why()
    assert why.sentence == (
        "`rated` is in the limit of `queue_flows:rated` for 5 s; its rate lets the next one begin "
        "in 25 s."
    )
    assert str(why.kind) == "step_queued"


async def test_a_run_that_lost_its_slot_says_what_it_waits_for(house: House) -> None:
    """Though it has begun long ago."""
    sleeping = await house.start(FLOWS.sleeper, "a", queue="active")
    await idle(house)
    holding = await house.start(FLOWS.sleeper, "b", queue="active")
    await idle(house)
    await house.world.define_limits([Limit(name="queue:active", concurrency=1)])
    blocker = await house.start(FLOWS.held, "c", queue="active")
    await idle(house)
    house.advance(hours=1)
    await idle(house)
    states = await statuses(sleeping, holding, blocker)
    assert states == ["suspended", "suspended", "suspended"]
    why = await sleeping.why()
    assert str(why.kind) == "queued"
    assert why.sentence.endswith(f"{blocker.id} holds its slot.")
    await answer(house, "c")
    assert await statuses(sleeping, holding) == ["completed", "completed"]


async def test_runs_that_were_started_are_told_apart_from_those_that_wait(house: House) -> None:
    """By their logs."""
    runs = [await house.start(FLOWS.held, word, queue="one") for word in "ab"]
    await idle(house)
    assert [len(await house.events(run, RunStarted)) for run in runs] == [1, 0]
    assert await house.world.standings(RunId("nobody")) == []
