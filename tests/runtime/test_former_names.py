"""Step bodies read what was recorded before a class, or a field of it, was given another name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.runtime.house import House
from tests.runtime.programs import Program
from tests.upgrade.moving import built
from wfc import codec
from wfc.clock import VirtualClock
from wfc.eventlog.event import StepCompleted
from wfc.ids import DefinitionId, RunId
from wfc.runtime.registry import Registry
from wfc.worlds.memory import MemoryWorld

SHOW: Final = DefinitionId("app.former_shop:show")
FLOW: Final = """

async def flow(bill: Bill, basket: Basket, tier: Tier) -> None:
    "use workflow"
    await show(None)
"""
OLD: Final = (
    """
from dataclasses import dataclass
from enum import Enum
from pydantic import BaseModel


class Tier(Enum):
    GOLD = "gold"


@dataclass
class Order:
    cents: int


class Bill(BaseModel):
    cents: int


class Basket(BaseModel):
    orders: list[Order]


def show(given: object) -> object:
    "use step"
    return given
"""
    + FLOW
)


def renamed(kind: str, old: str, new: str) -> str:
    """Let a member of a class of the program have another name, with a hint."""
    head, found, tail = OLD.partition(f"class {kind}")
    assert found
    return head + found + tail.replace(f"    {old}", f"    # wfc: was[{old}]\n    {new}", 1)


def imported(text: str) -> tuple[Program, Registry]:
    """Import the program, and take its build with the hints that are read there."""
    program = Program("app.former_shop", text)
    return program, Registry(built((("former_shop.py", text),)))


def called(new: str, make: str, takes: str) -> Any:
    """Record a call of the step with a value of the old program, and make it with the new one."""
    program, old = imported(OLD)
    value = eval(make, dict(vars(program.module)))  # noqa: S307 - our own text
    payload, _ = codec.encode_arguments({"given": value}, call="show", types=old.types)
    _, registry = imported(new.replace("given: object", f"given: {takes}"))
    body = registry.step(SHOW)
    assert body.accepts(payload)
    return body.call(payload)


CASES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "dataclass": (renamed("Order", "cents", "amount"), "Order(cents=7)", "Order", "amount"),
    "pydantic": (renamed("Bill", "cents", "amount"), "Bill(cents=7)", "Bill", "amount"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_field_is_read_by_its_former_name(case: str) -> None:
    """Whether the annotation names the class, or the bytes alone do."""
    new, make, kind, field = CASES[case]
    for takes in (kind, "object"):
        assert getattr(called(new, make, takes), field) == 7


@pytest.mark.parametrize("takes", ["Basket", "object"])
def test_a_field_within_another_class_is_read_by_its_former_name(takes: str) -> None:
    new, make, _, _ = CASES["dataclass"]
    found = called(new, f"Basket(orders=[{make}])", takes)
    assert [one.amount for one in found.orders] == [7]


@pytest.mark.parametrize("takes", ["Tier", "object"])
def test_a_member_is_read_by_its_former_name(takes: str) -> None:
    new = renamed("Tier", "GOLD", "BEST")
    assert called(new, "Tier.GOLD", takes).name == "BEST"


@pytest.mark.parametrize("takes", ["Buy", "object"])
def test_a_class_is_found_by_its_former_name(takes: str) -> None:
    new = OLD.replace("@dataclass\nclass Order", "# wfc: was[Order]\n@dataclass\nclass Buy")
    found = called(new.replace("list[Order]", "list[Buy]"), "Order(cents=7)", takes)
    assert (type(found).__name__, found.cents) == ("Buy", 7)


def test_an_older_body_reads_what_was_recorded_before_it() -> None:
    """A version in the middle: its hints hold for its own classes, and not for those of today."""
    program, first = imported(OLD)
    payload, _ = codec.encode_arguments(
        {"given": program.module.Order(7)}, call="show", types=first.types
    )
    middle = built((("former_shop.py", renamed("Order", "cents", "amount")),))
    today, registry = imported(OLD.replace("cents", "sum"))
    body = registry.older_step(middle, SHOW)
    assert body.accepts(payload)
    assert body.call(payload).amount == 7
    assert not isinstance(body.call(payload), today.module.Order)


def test_an_older_body_finds_a_class_by_its_former_name() -> None:
    program, first = imported(OLD)
    payload, _ = codec.encode_arguments(
        {"given": program.module.Order(7)}, call="show", types=first.types
    )
    text = OLD.replace("@dataclass\nclass Order", "# wfc: was[Order]\n@dataclass\nclass Buy")
    middle = built((("former_shop.py", text.replace("list[Order]", "list[Buy]")),))
    _, registry = imported("from __future__ import annotations\n" + OLD.replace("Order", "Deal"))
    assert type(registry.older_step(middle, SHOW).call(payload)).__name__ == "Buy"


RETRIED: Final = """
from dataclasses import dataclass


@dataclass
class Order:
    cents: int


def rate(order: Order) -> int:
    "use step"
    raise ValueError("not yet")


async def flow(cents: int) -> int:
    "use workflow"
    return await rate(Order(cents))
"""


async def test_the_next_attempt_reads_what_was_recorded_before_a_deploy() -> None:
    """The call waits in its backoff while a field is renamed, and goes to the new body."""
    clock = VirtualClock()
    world = MemoryWorld(clock)
    await world.open()
    program, registry = imported(RETRIED)
    old = await House(world, clock, registry.current).open()
    run = await old.start(program.module.flow, 7, id="r1")
    await old.worker().run_until_idle()
    await old.workers[0].stop()
    assert (await old.log(run))[-1] == "step_retrying"
    text = RETRIED.replace("    cents: int", "    # wfc: was[cents]\n    amount: int")
    _, registry = imported(text.replace('raise ValueError("not yet")', "return order.amount"))
    new = await House(world, clock, registry.current).open()
    new.advance(hours=1)
    await new.worker().run_until_idle()
    assert (await new.log(run))[-1] == "run_completed"
    assert await run.result() == 7
    log = await world.history(RunId("r1"))
    versions = [one.event.version for one in log if isinstance(one.event, StepCompleted)]
    assert versions == [registry.current.id]
    await world.close()
