"""Handles of hooks and runs as arguments and results: names, under extension codes of their own."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.runtime.flows import Journal
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc import codec
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.errors import PayloadCorrupt, RunFailed
from wfc.ids import RunId
from wfc.runtime.hooks import Hook
from wfc.runtime.run import Run
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter

HANDED = Program(
    "handed_flows",
    '''
    """Workflows that hand runs and hooks on."""
    from typing import Any

    from wfc import Hook, create_hook, start


    async def small(number: int) -> int:
        "use workflow"
        return number * 2


    async def asks(run: Any) -> list:
        "use step"
        return [type(run).__name__, run.id, await run.result("10s")]


    async def names(hook: Hook) -> list:
        "use step"
        return [hook.id, hook.token]


    async def begins(number: int) -> Any:
        "use step"
        from wfc.api import start
        return await start.options(id="begun-by-a-step")(small, number)


    async def hands_child(number: int) -> list:
        "use workflow"
        child = await start(small, number)
        await child.result()
        return await asks(child)


    async def hands_on(number: int) -> list:
        "use workflow"
        run = await begins(number)
        return [run.id, await asks(run), [run]]


    async def asks_itself(number: int) -> int:
        "use workflow"
        run = await begins(number)
        return await run.result()


    async def hands_hook() -> bool:
        "use workflow"
        hook = create_hook()
        return await names(hook) == [hook.id, hook.token]
    ''',
)
FLOWS: Any = HANDED.module


@pytest.fixture
async def handed(journal: Journal) -> Any:
    assert journal
    world = open_world("memory:", VirtualClock())
    await world.open()
    house = await House(world, VirtualClock(), HANDED.version).open()
    async with use_session(house.session):
        await house.embedded()
        yield house
        await house.close()


async def test_a_step_has_the_run_of_a_child_in_its_hands(handed: House) -> None:
    run = await handed.start(FLOWS.hands_child, 4)
    kind, name, result = await run.result("10s")
    (child,) = (await handed.world.list_runs(RunFilter(parent_id=run.id))).runs
    assert (kind, name, result) == ("Run", child.run_id, 8)


async def test_a_run_that_a_step_began_is_handed_on(handed: House) -> None:
    """Its name is seen in workflow code; steps, and who has the result, may ask it."""
    run = await handed.start(FLOWS.hands_on, 3)
    name, asked, (handle,) = await run.result("10s")
    assert name == "begun-by-a-step"
    assert asked == ["Run", name, 6]
    assert isinstance(handle, Run)
    assert await handle.result("10s") == 6
    assert not handle.created


async def test_workflow_code_may_not_ask_a_run_that_it_was_given(handed: House) -> None:
    """A replay would find it elsewhere."""
    run = await handed.start(FLOWS.asks_itself, 3)
    with pytest.raises(RunFailed, match="Pass the run to a step"):
        await run.result("10s")


async def test_a_hook_is_a_name_for_steps(handed: House) -> None:
    assert await (await handed.start(FLOWS.hands_hook)).result("10s") is True


def payload(code: int, parts: Any) -> bytes:
    return b"\x01\x00" + bytes(msgpack.packb(msgpack.ExtType(code, msgpack.packb(parts))))


def test_the_bytes_of_handles_hold_for_ever() -> None:
    hook: Hook[Any] = Hook("hook_1", "token")
    run: Run[Any] = Run(RunId("r"), None)  # type: ignore[arg-type]  # it is never asked
    assert codec.encode(hook, path="h") == payload(21, ["hook_1", "token"])
    assert codec.encode(run, path="r") == payload(22, "r")
    found = codec.decode(codec.encode({"of": (hook, [run])}, path="v"))
    assert (found["of"][0].id, found["of"][0].token) == ("hook_1", "token")
    assert found["of"][1][0].id == "r"


@pytest.mark.parametrize(
    ("code", "parts"),
    [(21, 5), (21, ["a"]), (21, ["a", 5]), (21, {}), (22, 5), (22, ""), (22, ".."), (22, ["r"])],
)
def test_what_names_nothing_is_corrupt(code: int, parts: Any) -> None:
    with pytest.raises(PayloadCorrupt):
        codec.decode(payload(code, parts))
