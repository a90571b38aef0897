"""The clock jumps by hours, both ways, while sleeps, leases, schedules, rates and hooks wait.

Nothing ends early, nothing is recorded twice, no log goes back in time, and all comes to its end.
PostgreSQL asks its server for the time, which no test can turn back.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.findings import Findings
from tests.proofs.record import proof
from tests.runtime.flows import Journal
from tests.runtime.histories import drop_histories
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.clock import VirtualClock
from wfc.errors import HookError
from wfc.eventlog.event import (
    TERMINAL,
    HookReceived,
    Recorded,
    StepCompleted,
    WaitCompleted,
    WaitCreated,
)
from wfc.eventlog.legality import Legality
from wfc.ids import DefinitionId
from wfc.runtime import schedules
from wfc.runtime.hook_door import send
from wfc.runtime.logs import read_log
from wfc.runtime.queues import Queues, named_queue
from wfc.runtime.run import Run
from wfc.runtime.schedules import ScheduleOptions
from wfc.runtime.worker import Worker
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter

PROGRAM = Program(
    "clock_flows",
    '''
    """Whatever waits for a clock."""
    import sys

    from wfc import Backoff, create_hook, policy, sleep


    async def note(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        return word


    @policy(attempts=3, backoff=Backoff("10m", maximum="1h", jitter=0))
    async def flaky(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        if sys.journal.calls.count(word) == 1:
            raise ValueError(word)
        return word


    @policy(rate="2/1m")
    async def rated(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        return word


    async def sleeps(word: str, hours: int) -> str:
        "use workflow"
        await note(word)
        await sleep(f"{hours} hours")
        return await note(word + " awake")


    async def retries(word: str) -> str:
        "use workflow"
        return await flaky(word)


    async def keeps_pace(word: str) -> str:
        "use workflow"
        return await rated(word)


    async def listens(word: str) -> str:
        "use workflow"
        async with create_hook(token=word, retention="2h") as hook:
            heard = await hook
        return await note(f"{word} heard {heard}")


    async def held(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        sys.journal.entered.set()
        await sys.journal.gate.wait()
        return word


    async def holds(word: str) -> str:
        "use workflow"
        return await held(word)


    async def ticks() -> None:
        "use workflow"
    ''',
)
FLOWS = PROGRAM.module
QUEUES = Queues({"slow": named_queue("slow", rate="2/1m")})
ROUNDS = 30


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    made = Journal()
    monkeypatch.setattr(sys, "journal", made, raising=False)
    yield made
    drop_histories()


@asynccontextmanager
async def town(url: str) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version, QUEUES).open()
    try:
        yield made
    finally:
        await made.close()


class Jumps:
    """Does something at random, looks at nothing meanwhile, and knows what must come of it."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house = house
        self._chance = chance
        self._workers: list[Worker] = [house.worker(), house.worker()]
        self.runs: list[Run[Any]] = []
        self.heard: Counter[str] = Counter()
        self.jumps = 0

    async def go(self) -> None:
        """Do one thing."""
        await self._chance.choice((self._jump, self._jump, self._begin, self._work, self._send))()

    async def _jump(self) -> None:
        hours = self._chance.choice((-8, -3, -1, 1, 2, 9))
        self.house.clock.advance(timedelta(hours=hours, seconds=self._chance.randrange(90)))
        self.jumps += 1

    async def _begin(self) -> None:
        name = f"r{len(self.runs)}"
        start = self.house.start
        match self._chance.randrange(6):
            case 0:
                run = await start(FLOWS.sleeps, name, self._chance.randrange(1, 12), id=name)
            case 1:
                run = await start(FLOWS.retries, name, id=name)
            case 2:
                run = await start(FLOWS.keeps_pace, name, id=name)
            case 3:
                run = await start(FLOWS.keeps_pace, name, id=name, queue="slow")
            case 4:
                run = await start(FLOWS.keeps_pace, name, id=name, delay="2h")
            case _:
                run = await start(FLOWS.listens, name, id=name)
        self.runs.append(run)

    async def _work(self) -> None:
        await self._chance.choice(self._workers).run_until_idle()

    async def _send(self) -> None:
        if not self.runs:
            return
        token = self._chance.choice(self.runs).id
        try:
            await send(self.house.session, token, 5)
        except HookError:
            return  # nobody listens there, or not any more
        self.heard[token] += 1

    async def end(self) -> None:
        """Let the clock go on as it should, and give what listens something to hear."""
        for _ in range(ROUNDS):
            self.house.advance(hours=4)
            await self._work()
            for run in self.runs:
                if not (await run.status()).ended and await run.hooks():
                    await send(self.house.session, run.id, 6)
                    self.heard[run.id] += 1


def whole(log: list[Recorded]) -> None:
    """See that a log is one that could be, and that nothing in it came early or twice."""
    events = [one.event for one in log]
    Legality().check_all(events)
    times = [one.recorded_at for one in log]
    assert times == sorted(times), "a log goes back in time"
    assert sum(isinstance(one, TERMINAL) for one in events) == 1
    done = [one.operation_id for one in events if isinstance(one, StepCompleted)]
    assert len(done) == len(set(done)), done
    due = {one.operation_id: one.wake_at for one in events if isinstance(one, WaitCreated)}
    for one in log:
        if isinstance(one.event, WaitCompleted):
            assert one.recorded_at >= due[one.event.operation_id], "a sleep ended early"


async def jumps_about(url: str, journal: Journal, seed: int) -> Jumps:
    """Let the clock of a world jump, and see what has become of its runs."""
    journal.calls.clear()
    chance = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    async with town(url) as house:
        hourly = ScheduleOptions(name="hourly", every="1h")
        await schedules.put(house.session, house._client, FLOWS.ticks, hourly, ((), {}))
        jumps = Jumps(house, chance)
        for _ in range(40):
            await jumps.go()
        await jumps.end()
        for run in jumps.runs:
            assert str(await run.status()) == "completed", run.id
            log = await read_log(house.world, run.id)
            whole(log)
            received = sum(isinstance(one.event, HookReceived) for one in log)
            assert received == jumps.heard[run.id], "what was acknowledged is not there"
        repeated = {word: count for word, count in Counter(journal.calls).items() if count > 2}
        assert not repeated, repeated
        page = await house.world.list_runs(
            RunFilter(workflow=DefinitionId("clock_flows:ticks")), limit=200
        )
        assert page.runs, "the schedule never fired"
        for row in page.runs:
            whole(await read_log(house.world, row.run_id))
    drop_histories()
    return jumps


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_clock_that_jumps_loses_and_hurries_nothing(
    tmp_path: Path, journal: Journal, kind: str
) -> None:
    for seed in range(3):
        url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/{seed}.db"
        await jumps_about(url, journal, seed)


@pytest.mark.parametrize("hours", [-5, 5])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_lease_that_a_jump_ends_or_lengthens(
    tmp_path: Path, journal: Journal, hours: int, kind: str
) -> None:
    """A body is at work meanwhile: whoever owns the run then, its outcome is recorded once."""
    async with town("memory:" if kind == "memory" else f"sqlite:///{tmp_path}/world.db") as house:
        await house.embedded()
        run = await house.start(FLOWS.holds, "r")
        await journal.entered.wait()
        house.advance(hours=hours)
        await house.worker().start()
        other = await house.start(FLOWS.retries, "other")
        while "other" not in journal.calls:  # noqa: ASYNC110 - bodies only write it down
            await asyncio.sleep(0.001)
        journal.gate.set()
        assert await run.result("60s") == "r"
        house.advance(hours=1)
        assert await other.result("60s") == "other"
        whole(await read_log(house.world, run.id))
        assert journal.calls.count("r") <= 2, "more than one takeover"


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_clock_that_jumps_for_long(tmp_path: Path, journal: Journal) -> None:
    """For as long as the dose says; all findings are told."""
    with proof(
        "clock-jumps",
        title="Clock jumps",
        holds="nothing ends early or twice, no log goes back in time, all runs come to their end",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak "
        "tests/proofs/test_clock_jumps.py",
    ) as figures:
        findings, worlds, runs, jumps = Findings(), 0, 0, 0
        for seed in seeds_for():
            url = f"sqlite:///{tmp_path}/{seed}.db" if seed % 4 == 0 else "memory:"
            try:
                found = await jumps_about(url, journal, seed)
            except Exception as error:  # noqa: BLE001 - the proof goes on, and fails at its end
                findings.add((url, seed), error)
            else:
                runs += len(found.runs)
                jumps += found.jumps
            worlds += 1
        figures["worlds"] = worlds
        figures["runs"] = runs
        figures["jumps"] = jumps
        figures["findings"] = findings.count.total()
        findings.check()
