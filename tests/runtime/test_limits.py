"""Each limit of a run holds where it is set, and its error says limit, value and place."""

from __future__ import annotations

import random

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.histories import Log, template_of
from tests.runtime.house import House
from wfc import codec
from wfc.errors import LimitExceeded, PayloadTooLarge, RunFailed
from wfc.eventlog.event import FailureKind
from wfc.ids import OperationId
from wfc.runtime.inline import Tenure
from wfc.runtime.ledger import Ledger
from wfc.runtime.limits import Limits
from wfc.runtime.operations import Completed, Failed
from wfc.runtime.scene import RunScene
from wfc.runtime.starting import StartOptions
from wfc.settings_tables import LimitsTable

SMALL = Limits(payload=2000, attributes=2, pending=3)
LARGE = random.Random(1).randbytes(3000).hex()  # noqa: S311 - a dose that compresses little


def error_of(body: str, *arguments: object, limits: Limits = SMALL) -> BaseException:
    """Run a workflow that breaks a limit; give its error, which a replay gives again."""
    log = Log(template_of(body), *arguments, limits=limits)
    outcomes = [log.start(), log.replay()]
    errors = []
    for outcome in outcomes:
        assert isinstance(outcome, Failed), outcome
        errors.append(codec.decode_error(outcome.error))
    assert str(errors[0]) == str(errors[1])
    return errors[0]


def test_the_arguments_of_a_step() -> None:
    error = error_of(
        """
async def flow(large: str):
    "use workflow"
    await say(large)
""",
        LARGE,
    )
    assert isinstance(error, PayloadTooLarge)
    assert str(error).startswith("the arguments of step `say()` is ")
    assert "the limit is 2,000 ([tool.wfc.limits] payload)" in str(error)
    assert "At app.py:" in str(error)


def test_the_arguments_of_the_next_chapter() -> None:
    error = error_of(
        """
async def flow(large: str):
    "use workflow"
    await restart(large)
""",
        LARGE,
    )
    assert isinstance(error, PayloadTooLarge)
    assert "restart(...)" in str(error)
    assert "At app.py:" in str(error)


def test_the_result_of_a_workflow() -> None:
    error = error_of(
        """
async def flow(large: str):
    "use workflow"
    return large
""",
        LARGE,
    )
    assert isinstance(error, PayloadTooLarge)
    assert str(error).startswith("the workflow's result is ")


def test_open_operations() -> None:
    error = error_of("""
async def flow():
    "use workflow"
    await asyncio.gather(*(add(n) for n in range(20)))
""")
    assert isinstance(error, LimitExceeded)
    assert "waits for 3 operations at once, and the limit is 3" in str(error)
    assert "([tool.wfc.limits] pending_operations)" in str(error)
    assert "At app.py:" in str(error)


def test_attributes_count_together() -> None:
    """Those that the run has, those set since, and those that go."""
    body = """
from wfc import set_attributes
async def flow():
    "use workflow"
    await set_attributes({"a": 1})
    await set_attributes({"b": 1, "a": None, "c": 2})
    await set_attributes({"b": 2})
    %s
"""
    log = Log(template_of(body % "pass"), limits=SMALL)
    assert isinstance(log.start(), Completed)
    error = error_of(body % 'await set_attributes({"d": 1})')
    assert isinstance(error, LimitExceeded)
    assert "would have 3 attributes, and the limit is 2 ([tool.wfc.limits] attributes)" in str(
        error
    )
    assert "At app.py:" in str(error)


def test_a_long_attribute_names_its_line() -> None:
    error = error_of("""
from wfc import set_attributes
async def flow():
    "use workflow"
    await set_attributes({"a": "x" * 257})
""")
    assert isinstance(error, LimitExceeded)
    assert "257 characters, more than 256 bytes" in str(error)
    assert "At app.py:" in str(error)


async def test_the_result_of_a_step(house: House, journal: Journal) -> None:
    """Too large is final: another attempt would return as much."""
    run = await house.start(FLOWS.chain, 1)
    await house.worker(chapter=Limits(payload=2)).run_until_idle()
    with pytest.raises(RunFailed) as failed:
        await run.result()
    assert isinstance(failed.value.cause, PayloadTooLarge)
    assert "the limit is 2 ([tool.wfc.limits] payload)" in str(failed.value.cause)
    assert (await house.world.run(run.id)).failure_kind is FailureKind.CODEC  # type: ignore[union-attr]  # the run exists


async def test_what_a_start_brings(house: House, journal: Journal) -> None:
    """Nothing is written."""
    house.session.payload_max, house.session.attributes_max = 10, 1
    with pytest.raises(PayloadTooLarge, match=r"the limit is 10 \(\[tool.wfc.limits\] payload\)"):
        await house.start(FLOWS.chain, 2**62)
    with pytest.raises(LimitExceeded, match="would have 2 attributes, and the limit is 1 "):
        await house.start(FLOWS.chain, 1, attributes={"a": 1, "b": 2})
    assert house.appends == 0
    assert StartOptions(attributes={str(number): 1 for number in range(100)}).id is None


async def test_what_is_set_from_outside(house: House, journal: Journal) -> None:
    """It counts beside what the run has."""
    house.session.attributes_max = 2
    run = await house.start(FLOWS.chain, 1, attributes={"a": 1})
    await run.set_attributes({"b": 1})
    with pytest.raises(LimitExceeded, match="would have 3 attributes"):
        await run.set_attributes({"c": 1})
    await run.set_attributes({"c": 1, "a": None})
    assert await run.attributes() == {"b": 1, "c": 1}


async def test_what_a_step_sets(house: House, journal: Journal) -> None:
    """It counts beside what the run had when the step was told, by the worker's limit."""
    run = await house.start(FLOWS.chain, 1, attributes={"a": 1})
    worker, ledger = house.worker(chapter=Limits(attributes=2)), Ledger()
    for recorded in await house.world.history(run.id):
        ledger.note(recorded)
    scene = RunScene(run.id, worker, lambda: ledger, Tenure())
    with pytest.raises(LimitExceeded, match="would have 3 attributes, and the limit is 2 "):
        await scene.set_attributes({"b": 1, "c": 1}, OperationId("add#0"))
    await scene.set_attributes({"b": 1}, OperationId("add#0"))
    assert await run.attributes() == {"a": 1, "b": 1}


async def test_what_a_workflow_sets(house: House, journal: Journal) -> None:
    """By the settings of whoever executes it."""
    run = await house.start(FLOWS.labelled, "x")
    await house.worker(chapter=Limits(attributes=0)).run_until_idle()
    with pytest.raises(RunFailed) as failed:
        await run.result()
    assert "the limit is 0" in str(failed.value.cause)


def test_limits_have_bounds() -> None:
    """What no reader would take back cannot be allowed."""
    assert LimitsTable(payload="64MiB").payload == 64 << 20  # type: ignore[arg-type]  # as a file has it
    with pytest.raises(ValueError, match="less than or equal"):
        LimitsTable(payload="65MiB")  # type: ignore[arg-type]  # likewise
