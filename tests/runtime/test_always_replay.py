"""`always_replay`: whatever a run does, a fresh execution of its history does the same."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import StepCompleted
from wfc.runtime import resume
from wfc.runtime.execution import Execution


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Execution]:
    """Every execution that live runs make."""
    found: list[Execution] = []

    def noted(*args: Any, **kwargs: Any) -> Execution:
        found.append(Execution(*args, **kwargs))
        return found[-1]

    monkeypatch.setattr(resume, "Execution", noted)
    return found


@pytest.mark.parametrize("always", [False, True])
async def test_every_delivery_makes_an_execution_of_its_own(
    house: House, journal: Journal, made: list[Execution], *, always: bool
) -> None:
    """The result and the log are those of a run that kept its execution."""
    await house.embedded(always_replay=always)
    run = await house.start(FLOWS.chain, 5)
    assert await run.result("10s") == 10
    assert len(made) == (6 if always else 1)
    assert journal.calls == [("add", total, each) for each, total in enumerate([0, 0, 1, 3, 6])]
    assert await house.log(run) == [
        "run_created", "run_started", *["step_completed"] * 5, "run_completed",
    ]  # fmt: skip


@pytest.mark.parametrize("always", [False, True])
async def test_what_code_says_is_said_once(
    house: House, caplog: pytest.LogCaptureFixture, *, always: bool
) -> None:
    """No line is lost or doubled, also where several events come in one delivery."""
    worker = house.worker(always_replay=always)
    run = await house.start(FLOWS.talks, 3)
    with caplog.at_level(logging.INFO, "wfc.workflow"):
        await worker.run_until_idle()
        house.advance(days=1)
        await worker.run_until_idle()
    assert await run.result() == 3
    said = [record.getMessage() for record in caplog.records if record.name == "wfc.workflow"]
    assert sorted(said) == ["begins", "ends", "has 0", "has 1", "has 2"]


@pytest.mark.parametrize("always", [False, True])
async def test_news_during_an_append_does_not_let_go_of_what_it_brought(
    house: House, journal: Journal, *, always: bool
) -> None:
    """What an append delivered is taken up, whatever else is heard of at the same time."""
    worker = house.worker(always_replay=always)
    append = house.world.append

    async def heard(run_id: Any, events: Any, **kwargs: Any) -> Any:
        answer = await append(run_id, events, **kwargs)
        if any(isinstance(event, StepCompleted) for event in events):
            worker.news_of(run_id)
        return answer

    house.world.append = heard  # type: ignore[method-assign]  # news at the worst moment
    run = await house.start(FLOWS.chain, 3)
    await worker.run_until_idle()
    assert await run.status() is RunStatus.COMPLETED
