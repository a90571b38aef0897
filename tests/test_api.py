"""The front door: typed starts, handles, lists, bulk, types of an application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.runtime.conftest import house, house_url, journal
from tests.runtime.flows import FLOWS
from tests.runtime.house import House
from wfc import codec
from wfc.api import App, RunStatus, cancel_runs, get_run, list_runs, start
from wfc.config import use_session
from wfc.errors import InputInvalid, NotCompiled, OptionInvalid, RunNotFound

__all__ = ["house", "house_url", "journal"]  # fixtures of the runtime's tests


@pytest.fixture
async def here(house: House) -> AsyncIterator[House]:
    """A house whose session is that of the loop, with a worker in this process."""
    await house.embedded()
    async with use_session(house.session):
        yield house


async def test_a_run_is_started_and_found_again(here: House) -> None:
    run = await start(FLOWS.chain, 3)
    assert run.created
    assert await run.result("10s") == 3
    assert await get_run(run.id).status() is RunStatus.COMPLETED
    with pytest.raises(RunNotFound):
        await get_run("nobody").status()


async def test_options_are_kept_and_can_be_used_again(here: House) -> None:
    often = start.options(attributes={"tier": "free"}, priority=3)
    first, second = await asyncio.gather(often(FLOWS.chain, 1), often(FLOWS.chain, 2))
    assert first.id != second.id
    page = await list_runs(attributes={"tier": "free"})
    assert {each.id for each in page.items} == {first.id, second.id}
    named = await start.options(id="c-1")(FLOWS.chain, 1)
    assert not (await start.options(id="c-1")(FLOWS.chain, 1)).created
    assert named.id == "c-1"


async def test_what_is_no_workflow_opens_no_world() -> None:
    with pytest.raises(NotCompiled):
        await start(asyncio.sleep, 1)


async def test_runs_are_listed_by_workflow_status_and_time(here: House) -> None:
    run = await start(FLOWS.chain, 1)
    await run.result("10s")
    now = datetime(2030, 1, 1, tzinfo=UTC)
    for filters in (
        {"workflow": FLOWS.chain},
        {"workflow": "runtime_flows:chain", "status": RunStatus.COMPLETED},
        {"version": here.version.id, "since": now, "until": now + timedelta(days=1)},
    ):
        assert [each.id for each in (await list_runs(**filters)).items] == [run.id]
    assert (await list_runs(parent="nobody")).items == ()
    assert (await list_runs(queue="gpu", version="f" * 16)).items == ()


@pytest.mark.parametrize(
    ("name", "value"), [("limit", "x"), ("limit", 0), ("cursor", 5), ("late", "yes")]
)
@pytest.mark.usefixtures("here")
async def test_a_page_that_cannot_be_is_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionInvalid, match=f"^`{name}` = "):
        await list_runs(**{name: value})


async def test_arguments_that_do_not_fit_start_nothing(here: House) -> None:
    """The caller hears it, as on the command line; a run would fail by it."""
    begin: Any = start
    with pytest.raises(InputInvalid, match=r"argument `\w+` does not fit `int`: it is a str"):
        await begin(FLOWS.chain, "many")
    assert (await list_runs()).items == ()
    assert await here.world.next_due() is None


async def test_runs_are_cancelled_by_filter_or_id(here: House) -> None:
    first, second = await start(FLOWS.waits, 1), await start(FLOWS.waits, 2)
    answers = await cancel_runs(workflow=FLOWS.waits, version=here.version.id, dry_run=True)
    assert set(answers) == {first.id, second.id}
    assert await cancel_runs([first.id], reason="enough") == {first.id: "requested"}
    assert await cancel_runs(parent="nobody") == {}
    assert not await second.cancel() or await second.status() is not RunStatus.COMPLETED


async def test_a_step_starts_another_run(here: House) -> None:
    """A step is plain code: the session of its loop serves it."""
    run = await start(FLOWS.begins_another, 2)
    other = await run.result("10s")
    assert await get_run(other).result("10s") == 1


def test_an_application_registers_types_once() -> None:
    app = App(types=[complex])
    app.register_type(
        Fraction,
        encode=lambda value: [value.numerator, value.denominator],
        decode=lambda parts: Fraction(*parts),
        name="fraction",
    )
    assert codec.decode(codec.encode(Fraction(1, 3), path="x")) == Fraction(1, 3)
