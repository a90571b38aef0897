"""What workflow code prints is heard once, whoever goes on with the run."""

from __future__ import annotations

import logging

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.ids import WorkerId

LINES = ["begins", "has added", "is awake", "ends"]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "wfc.workflow"]


async def test_a_new_worker_goes_on_where_the_last_released(
    house: House, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """Each turn is made by another worker, which delivers the whole history."""
    caplog.set_level(logging.INFO)
    run = await house.start(FLOWS.tells, 1)
    for _ in range(3):
        worker = house.worker()
        await worker.run_until_idle()
        await worker.stop()
        house.advance(days=1)
    assert await run.result() == 1
    assert lines(caplog) == LINES


async def test_a_parked_run_that_another_worker_took_on(
    house: House, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that meets its parked execution again skips what the other one has printed."""
    caplog.set_level(logging.INFO)
    run = await house.start(FLOWS.tells, 1)
    first = house.worker()
    await first.run_until_idle()
    house.advance(days=1)
    other = house.worker()
    await other.run_until_idle()
    house.advance(days=1)
    await first.run_until_idle()
    assert await run.result() == 1
    assert lines(caplog) == LINES


async def test_the_last_turn_of_a_lost_owner_may_be_heard_again(
    house: House, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows whether it had printed; no earlier turn is heard twice, and none is left out."""
    caplog.set_level(logging.INFO)
    run = await house.start(FLOWS.tells, 1)
    worker = house.worker()
    await worker.run_until_idle()
    await worker.stop()
    house.advance(days=1)
    await house.world.join(WorkerId("lost"), lease_s=1, queues=())
    await house.world.claim(run.id, WorkerId("lost"))
    house.advance(days=1)
    await house.worker().run_until_idle()
    house.advance(days=1)
    await house.worker().run_until_idle()
    assert await run.result() == 1
    assert lines(caplog) == LINES
