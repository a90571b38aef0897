"""A worker without the code of a step leaves the run as it is, for one that has it."""

from __future__ import annotations

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc import abi
from wfc.api import RunStatus
from wfc.errors import RetryableError
from wfc.ids import DefinitionId, RunId


def _step(name: str) -> DefinitionId:
    return DefinitionId(f"runtime_flows:{name}")


async def _is_blocked(house: House, run_id: str) -> None:
    row = await house.world.run(RunId(run_id))
    assert row is not None
    assert row.blocked is not None
    assert "StepUnknown" in row.blocked
    assert row.owner is None
    assert row.status is not RunStatus.FAILED


async def test_a_run_waits_for_a_worker_with_its_step(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocked, not failed; unblocked where the step is known, it completes."""
    run = await house.start(FLOWS.chain, 2)
    with monkeypatch.context() as without:
        without.delitem(abi.registered, _step("add"))
        await house.worker().run_until_idle()
        await _is_blocked(house, run.id)
    await house.world.block(RunId(run.id), None)
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED


async def test_a_queued_attempt_waits_too_and_does_not_count(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is put back before a start is recorded."""
    journal.failures.append(RetryableError("busy", retry_after="1h"))
    journal.gate.set()
    run = await house.start(FLOWS.held_later, 2)
    await house.worker().run_until_idle()
    house.advance(hours=2)
    with monkeypatch.context() as without:
        without.delitem(abi.registered, _step("later"))
        await house.worker().run_until_idle()
        await _is_blocked(house, run.id)
    await house.world.block(RunId(run.id), None)
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED
    (step,) = await run.steps()
    assert step.attempt == 2
