"""Steps that were renamed, or their parameters, while a call of them waits in the queue."""

from __future__ import annotations

import sys
from typing import Final

import pytest

from tests.runtime.flows import Journal
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc import abi
from wfc.eventlog.event import StepCompleted
from wfc.manifests.store import to_archive
from wfc.runtime.registry import Registry

Edits = tuple[tuple[str, str], ...]
NAME: Final = "renamed_steps"
OLD: Final = """
    import sys
    from dataclasses import dataclass

    from wfc import Backoff, policy


    @dataclass
    class Price:
        cents: int


    @policy(backoff=Backoff(initial="1h", maximum="1h"))
    async def charge(
        price: Price,
        note: str = "",
    ) -> str:
        "use step"
        sys.journal.calls.append(("charge", price, note))
        raise RuntimeError("not yet")


    async def flow(cents: int) -> str:
        "use workflow"
        return await charge(Price(cents), note="n")
"""
STEP: Final = (
    ("async def charge(", "async def bill(  # wfc: was[charge]"),
    ("await charge(", "await bill("),
    ('("charge", ', '("bill", '),
)
PARAMETER: Final = (
    ("price: Price,", "# wfc: was[price]\n        amount: Price,"),
    ("price, note", "amount, note"),
)
CLASS: Final = (
    ("@dataclass\n", "# wfc: was[Price]\n    @dataclass\n"),
    ("class Price:\n        cents: int", "class Cost:\n        whole: int  # wfc: was[cents]"),
    (": Price", ": Cost"),
    ("Price(cents)", "Cost(cents)"),
)
MENDED: Final = (('raise RuntimeError("not yet")', 'return "billed"'),)


def imported(*edits: tuple[str, str]) -> Program:
    """Import a build of the module, in the place of the one before."""
    text = OLD
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    for name in [name for name in abi.registered if name.startswith(f"{NAME}:")]:
        del abi.registered[name]
    return Program(NAME, text, whole=True)


async def serves(house: House, program: Program) -> None:
    house.version = program.version
    house.session.registry = Registry(program.version)
    await house.world.register_version(program.version.id, to_archive(program.version))


@pytest.mark.parametrize("moves", [True, False], ids=["moved", "pinned"])
@pytest.mark.parametrize(
    ("edits", "step"),
    [(STEP, "bill"), (PARAMETER, "charge"), ((*STEP, *PARAMETER, *CLASS), "bill")],
    ids=["step", "parameter", "all"],
)
async def test_a_call_that_waits_is_made_by_its_present_names(
    house: House, journal: Journal, edits: Edits, step: str, *, moves: bool
) -> None:
    """Whether the run has moved, or keeps its workflow and takes the newest body that fits."""
    old = imported()
    await serves(house, old)
    run = await house.start(old.module.flow, 42)
    await house.worker().run_until_idle()
    assert "step_retrying" in await house.log(run)
    new = imported(*edits, *MENDED)
    await serves(house, new)
    if moves:
        assert await run.upgrade(new.version.id)
    house.advance(hours=2)
    await house.worker().run_until_idle()
    assert await run.result(10) == "billed"
    (word, price, note) = journal.calls[-1]
    assert (word, note) == (step, "n")
    assert type(price) is getattr(sys.modules[NAME], type(price).__name__)
    assert list(vars(price).values()) == [42]
    (completed,) = await house.events(run, StepCompleted)
    assert completed.version == new.version.id
    (shown,) = await run.steps()
    assert shown.name == (step if moves else "charge")
    if moves:
        assert shown.arguments == {
            "amount" if PARAMETER[0] in edits else "price": price,
            "note": "n",
        }
