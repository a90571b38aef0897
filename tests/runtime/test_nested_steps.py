"""Nested steps are made anew of code, defaults and captures; those among the captures too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.clock import VirtualClock
from wfc.errors import RunFailed, StepUnknown
from wfc.ids import DefinitionId
from wfc.runtime.nested_steps import code_of, function_of, parameters_of
from wfc.worlds.memory import MemoryWorld

PROGRAM = Program(
    "nested_flows",
    """
    import datetime
    import enum

    from wfc import policy

    RATE = 3


    class Tier(enum.Enum):
        FREE = 1


    async def defaults(number):
        "use workflow"

        async def step(x, /, rate=RATE, *, tier=Tier.FREE, pair=(1, -RATE),
                       late=datetime.timedelta(days=RATE)):
            "use step"
            return [x, rate, tier and tier.name, pair, late.days]

        return [await step(number), await step(number, 4, tier=None)]


    async def captured(number):
        "use workflow"
        base = 100

        async def deeper(x, more=RATE):
            "use step"
            return x + base + more

        async def deep(x):
            "use step"
            return await deeper(x)

        def even(x):
            "use step"
            return x == 0 or odd(x - 1)

        def odd(x):
            "use step"
            return x != 0 and even(x - 1)

        async def countdown(x):
            "use step"
            return [x, *(await countdown(x - 1) if x else ())]

        return [await deep(number), await even(number), await countdown(number)]


    @policy(attempts=1)
    async def call(function):
        "use step"
        return await function(1)


    async def passed_on(number):
        "use workflow"

        async def step(x):
            "use step"
            return x + number

        return await call(step)
    """,
)
FLOWS = PROGRAM.module


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = VirtualClock()
    world = MemoryWorld(clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    yield made
    await made.close()


async def result_of(house: House, workflow: Any, *arguments: Any) -> Any:
    run = await house.start(workflow, *arguments)
    await house.worker().run_until_idle()
    return await run.result()


async def test_defaults_are_the_constants_of_the_module(house: House) -> None:
    """They are left off the record, so an attempt evaluates them: literals and names alike."""
    assert await result_of(house, FLOWS.defaults, 7) == [
        [7, 3, "FREE", (1, -3), 3],
        [7, 4, None, (1, -3), 3],
    ]


async def test_a_captured_step_is_a_function_of_the_same_captures(house: House) -> None:
    """Two deep, one another, and itself."""
    assert await result_of(house, FLOWS.captured, 4) == [107, True, [4, 3, 2, 1, 0]]


async def test_a_nested_step_that_came_as_an_argument_says_where_it_can_be_called(
    house: House,
) -> None:
    """What it reads of its workflow is nowhere at hand."""
    with pytest.raises(
        RunFailed, match=r"nested_flows:passed_on\.step stands inside of a workflow"
    ):
        await result_of(house, FLOWS.passed_on, 4)


def test_a_reference_to_another_function_is_that_function() -> None:
    assert function_of(DefinitionId("nested_flows:call"), FLOWS.call) is FLOWS.call
    assert function_of(DefinitionId("nested_flows:gone"), None) is None


def test_a_default_that_is_gone_is_none() -> None:
    """The build that wrote it down knew a constant that the imported module has lost."""
    name = DefinitionId("nested_flows:defaults.step")
    (entry,) = (one for one in PROGRAM.version.step[PROGRAM.name].entries if one.id == name)
    code = code_of(FLOWS.defaults, name)
    known = parameters_of(code, entry, {**vars(FLOWS), "RATE": 9})
    assert [one.default for one in known][1] == 9
    gone = parameters_of(code, entry, {"Tier": FLOWS.Tier})
    assert [one.default is one.empty for one in gone] == [True, True, False, True, True]
    assert [one.name for one in parameters_of(code, None, {})] == [one.name for one in gone]


def test_a_step_that_left_its_workflow_is_unknown() -> None:
    with pytest.raises(StepUnknown, match="does not hold it any more"):
        code_of(FLOWS.captured, DefinitionId("nested_flows:captured.gone"))
