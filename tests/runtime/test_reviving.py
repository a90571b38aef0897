"""A failed run goes on with a real worker: what an upgrade took back is tried again, by numbers
that go on.
"""

from __future__ import annotations

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.errors import FatalError
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunUpgraded, StepFailed
from wfc.runtime.run import Run
from wfc.worlds.protocol import Appended, Unowned


async def revive(house: House, run: Run[int]) -> None:
    """Take the failure back, as a verdict of the same code does."""
    log = await house.world.history(run.id, 0, 2000)
    failed = [one.event.operation_id for one in log if isinstance(one.event, StepFailed)]
    row = await house.world.run(run.id)
    assert row is not None
    event = RunUpgraded(
        from_version=row.version, to_version=row.version, fingerprint=row.fingerprint,
        site_map={}, changes=(), retracted=(failed[-1],),
    )  # fmt: skip
    answer = await house.world.append(run.id, [event], guard=Unowned(len(log)))
    assert isinstance(answer, Appended)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_step_is_tried_again_after_it_had_failed_for_good(
    house: House, journal: Journal, times: int
) -> None:
    """The outage is over: the same code takes the run up, with a fresh budget of attempts."""
    journal.failures = [FatalError("down") for _ in range(times)]
    run = await house.start(FLOWS.retried, 3)
    for number in range(times):
        await house.worker().run_until_idle()
        assert await run.status() is RunStatus.FAILED
        await revive(house, run)
        failed = await house.events(run, StepFailed)
        assert [one.attempt for one in failed] == list(range(1, number + 2))
    await house.worker().run_until_idle()
    assert await run.result() == 3
    assert [one.attempt for one in journal.metadata] == list(range(1, times + 2))
    assert journal.metadata[-1].attempts_max == times + 3


async def test_the_budget_is_fresh(house: House, journal: Journal) -> None:
    """Three attempts were used up, and three more may be: their numbers go on."""
    journal.failures = [ConnectionError(str(number)) for number in range(5)]
    run = await house.start(FLOWS.retried, 3)
    await _until_it_ends(house)
    assert await run.status() is RunStatus.FAILED
    await revive(house, run)
    await _until_it_ends(house)
    assert await run.result() == 3
    assert [one.attempt for one in journal.metadata] == [1, 2, 3, 4, 5, 6]


async def _until_it_ends(house: House) -> None:
    for _ in range(4):
        await house.worker().run_until_idle()
        house.advance(hours=1)
