"""Bodies of steps by id, with the arguments that were recorded; versions on demand."""

from __future__ import annotations

import dataclasses
import inspect
from http import HTTPStatus
from typing import Any

import pytest

from tests.runtime.programs import Program
from wfc import codec
from wfc.errors import StepUnknown, UnknownType, Unserialisable, VersionUnknown
from wfc.ids import DefinitionId, OperationId, VersionId
from wfc.manifests.store import to_archive
from wfc.runtime.host_types import HostTypes
from wfc.runtime.operations import StepAsked
from wfc.runtime.registry import Registry
from wfc.worlds.memory import MemoryWorld

PROGRAM = Program(
    "registry_flows",
    """
    from dataclasses import dataclass

    from wfc import policy


    @dataclass
    class Order:
        name: str

        async def ship(self, to: str) -> str:
            "use step"
            return f"{self.name} to {to}"

        @classmethod
        def kind(cls, suffix: str = "!") -> str:
            "use step"
            return cls.__name__ + suffix

        @staticmethod
        def tax(cents: int) -> int:
            "use step"
            return cents // 10


    @dataclass
    class Rush(Order):
        pass


    def spread(first: int, /, second: int = 2, *rest: int, last: int = 9, **more: int) -> list:
        "use step"
        return [first, second, rest, last, more]


    @policy(attempts=7, retry_on=ConnectionError, give_up_on=ConnectionResetError)
    async def patient(order: Order) -> Order:
        "use step"
        return order


    async def checkout(order: Order) -> str:
        "use workflow"
        rate = 3

        @policy(attempts=5)
        async def charge(cents: int, tip: int = 1) -> int:
            "use step"
            return cents * rate + tip

        def plain() -> int:
            "use step"
            return rate

        await plain()
        return str(await charge(2))
    """,
)
FLOWS = PROGRAM.module


def name(qualname: str) -> DefinitionId:
    return DefinitionId(f"registry_flows:{qualname}")


async def called(step: str, **arguments: Any) -> Any:
    body = Registry(PROGRAM.version).step(name(step))
    payload, _ = codec.encode_arguments(arguments, call=step)
    value = body.call(payload)
    assert inspect.iscoroutine(value) is body.is_async
    return await value if body.is_async else value


def asked(step: str, **policy: Any) -> StepAsked:
    return StepAsked(
        operation_id=OperationId("x#0"), step=name(step), arguments=b"", digest=b"", policy=policy
    )


async def test_arguments_come_by_name_and_by_annotation() -> None:
    order = FLOWS.Order("o-1")
    assert await called("patient", order=order) == order


async def test_a_method_gets_the_recorded_instance() -> None:
    assert await called("Order.ship", self=FLOWS.Order("o-1"), to="Bern") == "o-1 to Bern"
    assert await called("Order.tax", cents=50) == 5


async def test_a_class_method_gets_the_class_that_was_named() -> None:
    """A call on a subclass records the subclass."""
    assert await called("Order.kind", cls="registry_flows:Order") == "Order!"
    assert await called("Order.kind", cls="registry_flows:Rush", suffix="?") == "Rush?"
    with pytest.raises(UnknownType, match="registry_flows:Gone"):
        await called("Order.kind", cls="registry_flows:Gone")


async def test_every_kind_of_parameter_is_filled() -> None:
    assert await called("spread", first=1) == [1, 2, (), 9, {}]
    found = await called("spread", first=1, second=3, rest=(4, 5), last=6, more={"x": 7})
    assert found == [1, 3, (4, 5), 6, {"x": 7}]
    assert await called("spread", first=1, last=6) == [1, 2, (), 6, {}]


async def test_a_nested_step_is_made_anew_around_its_captures() -> None:
    assert await called("checkout.charge", cents=10, rate=4) == 41
    assert await called("checkout.charge", cents=10, rate=4, tip=0) == 40
    assert await called("checkout.plain", rate=8) == 8


def test_an_unknown_step_says_what_may_have_happened() -> None:
    registry = Registry(PROGRAM.version)
    with pytest.raises(StepUnknown, match="renamed or removed"):
        registry.step(name("gone"))
    with pytest.raises(StepUnknown):
        registry.step(name("checkout"))


def test_policies_come_from_the_function_then_the_bundle_then_the_settings() -> None:
    registry = Registry(PROGRAM.version, policy={"attempts": 2, "timeout": "9s"})
    assert registry.policy(asked("patient")).attempts == 7
    assert registry.policy(asked("patient")).timeout_s == 9
    assert registry.policy(asked("checkout.charge", attempts=5)).attempts == 5
    assert registry.policy(asked("spread")).attempts == 2
    assert registry.policy(asked("gone", attempts=4)).attempts == 4
    body = registry.step(name("patient"))
    assert (body.retry_on, body.give_up_on) == (ConnectionError, ConnectionResetError)


async def test_a_version_comes_out_of_the_world_when_it_is_asked_for() -> None:
    world = MemoryWorld()
    await world.open()
    other = dataclasses.replace(PROGRAM.version, id=VersionId("f" * 16))
    registry = Registry(PROGRAM.version)
    with pytest.raises(VersionUnknown, match="not registered"):
        await registry.version(world, other.id)
    await world.register_version(other.id, to_archive(other))
    assert (await registry.version(world, other.id)).id == other.id


async def test_only_the_last_templates_are_kept() -> None:
    world = MemoryWorld()
    await world.open()
    registry = Registry(PROGRAM.version, bundles_max=1)
    other = dataclasses.replace(PROGRAM.version, id=VersionId("e" * 16))
    registry.add(other)
    first = await registry.template(world, PROGRAM.version.id, name("checkout"))
    assert await registry.template(world, PROGRAM.version.id, name("checkout")) is first
    await registry.template(world, other.id, name("checkout"))
    assert await registry.template(world, PROGRAM.version.id, name("checkout")) is not first


def test_types_are_found_in_imported_modules_and_nothing_is_imported_for_them() -> None:
    types = HostTypes({"registry_flows:Order", "wave:Wave_read", "registry_flows:spread"})
    assert types.find("registry_flows:Order") is FLOWS.Order
    assert types.find("registry_flows:Order") is FLOWS.Order
    assert types.find("wave:Wave_read") is None
    assert types.find("registry_flows:spread") is None
    assert types.find("registry_flows:Rush") is None
    types.allow({"registry_flows:Rush"})
    assert types.find("registry_flows:Rush") is FLOWS.Rush


def test_a_result_that_no_run_could_read_is_refused() -> None:
    """Which is one of a class that neither the build nor the annotation names."""
    registry = Registry(PROGRAM.version)
    for step in ("patient", "checkout.charge"):
        body = registry.step(name(step))
        with pytest.raises(
            Unserialisable, match=r"^the result of step `[a-z.]+`: `\[0\]` is a http"
        ):
            body.recorded([HTTPStatus.OK])
