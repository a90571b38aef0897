"""Forks: a beginning that is shared, and a way of one's own from there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.errors import (
    Diverged,
    InputInvalid,
    OptionInvalid,
    RunFailed,
    RunIdConflict,
    RunNotFound,
    VersionUnknown,
)
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    Origin,
    RunCreated,
    RunUpgraded,
    StepCompleted,
    StepCreated,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import OperationId, RunId, VersionId
from wfc.manifests.store import to_archive
from wfc.runtime.run import Run
from wfc.worlds.protocol import NewRun

VERSIONS = '''
    """Two versions of one module: `{word}`."""
    import sys
    from dataclasses import dataclass
    from datetime import datetime
    from uuid import uuid4

    from wfc import get_workflow_metadata, sleep


    @dataclass
    class Receipt:
        number: str
        cents: int


    async def charge(cents: int) -> Receipt:
        "use step"
        sys.journal.calls.append(("charge", cents))
        return Receipt("r-1", cents)


    async def tell(text: str) -> str:
        "use step"
        sys.journal.calls.append(("tell", text))
        return text


    async def checkout(cents: int, label: str = "") -> list:
        "use workflow"
        began, draw = datetime.now().isoformat(), str(uuid4())
        receipt = await charge(cents{more})
        at = datetime.now().isoformat()
        await sleep("1 day")
        told = await tell("{word}")
        return [began, draw, at, receipt.number, receipt.cents, told, label]


    async def names_itself() -> str:
        "use workflow"
        await tell(get_workflow_metadata().run_id)
        return await tell("done")
'''


def version_of(word: str, more: str = "") -> Program:
    return Program("forked_flows", VERSIONS.format(word=word, more=more))


@pytest.fixture
def old() -> Program:
    return version_of("old")


@pytest.fixture
async def shop(house: House, old: Program) -> House:
    """A house that serves the old version."""
    house.version = old.version
    house.session.registry = type(house.session.registry)(old.version)  # type: ignore[misc, call-arg]
    return await house.open()


async def finished(house: House, run: Run[Any]) -> Any:
    """Execute what is due, day by day, and give the result."""
    for _ in range(5):
        await house.worker().run_until_idle()
        if (await run.status()).ended:
            break
        house.advance(days=1)
    return await run.result()


async def test_a_fork_shares_events_and_their_times(shop: House, old: Program) -> None:
    """Its past is that of the other run; clock and draws of the code are the same."""
    run = await shop.start(old.module.checkout, 42)
    output = await finished(shop, run)
    shop.advance(days=100)
    log = await run.events()
    fork = await run.fork(len(log))
    assert fork.created
    copied = await fork.events()
    assert copied[1:] == log[1 : len(log) - 1]
    assert copied[0].recorded_at == log[0].recorded_at
    assert await finished(shop, fork) == output
    (created,) = await shop.events(fork, RunCreated)
    assert created.origin == Origin(kind="fork", run_id=run.id, at=len(log))
    assert [each.event.name for each in await fork.events()] == [each.event.name for each in log]


async def test_every_position_leads_to_the_same_end(shop: House, old: Program) -> None:
    """Whatever a fork keeps, what it makes anew comes to the same, but for the times of that."""
    run = await shop.start(old.module.checkout, 42)
    output = await finished(shop, run)
    length = len(await run.events())
    forks = [await run.fork(at) for at in range(2, length + 2)]
    for fork in forks:
        found = await finished(shop, fork)
        assert found[:2] == output[:2]
        assert found[3:] == output[3:]
    with pytest.raises(InputInvalid, match="rerun"):
        await run.fork(1)
    with pytest.raises(InputInvalid, match=f"behind them all at {length + 1}"):
        await run.fork(length + 2)


async def test_a_step_can_be_given_another_output(
    shop: House, old: Program, journal: Journal
) -> None:
    """By its id: the code sees that result, of the class that it knows, and no body runs."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    (charge, _) = await run.steps()
    journal.calls.clear()
    fork = await run.fork(charge.id, output={"number": "r-9", "cents": 7})
    assert (await finished(shop, fork))[3:5] == ["r-9", 7]
    assert journal.calls == [("tell", "old")]
    own = await run.fork(charge.id, output=old.module.Receipt("r-8", 6))
    assert (await finished(shop, own))[3:5] == ["r-8", 6]
    (created,) = await shop.events(own, RunCreated)
    assert created.origin == Origin(kind="fork", run_id=run.id, at=3, edited=True)
    (outcome,) = await shop.events(fork, StepCompleted), 
    assert outcome[0].version == old.version.id


async def test_an_output_that_does_not_fit_forks_nothing(shop: House, old: Program) -> None:
    """The workflow could not read it; and where no step begins there is nothing to give."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    charge = (await run.steps())[0]
    for wrong in ({"number": "r-9"}, 7, None):
        with pytest.raises(InputInvalid, match="charge"):
            await run.fork(charge.id, output=wrong)
    waits = [each for each in await run.events() if isinstance(each.event, WaitCreated)]
    for at, what in ((waits[0].position, "wait_created"), (9, "behind the last event")):
        with pytest.raises(InputInvalid, match=what):
            await run.fork(at, output="x")
    page = await shop.world.list_runs(shop_filter())
    assert len(page.runs) == 1


def shop_filter() -> Any:
    from wfc.worlds.protocol import RunFilter  # noqa: PLC0415

    return RunFilter()
