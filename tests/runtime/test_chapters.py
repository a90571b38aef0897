"""A restart ends a chapter and begins the next in one commit; nothing outside notices."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.chapter_flows import FLOWS, PROGRAM, TEXT
from tests.runtime.flows import Journal
from tests.runtime.house import House, until
from wfc.clock import VirtualClock
from wfc.compiler.compile import compile_module
from wfc.compiler.facts import ModuleSource
from wfc.errors import RunCancelled
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunRestarted, StepCancelled, WaitCompleted
from wfc.eventlog.fold import fold
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import Version, to_archive
from wfc.runtime.run import Run
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter


@pytest.fixture(params=["memory", "sqlite", "memory, always replay"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, journal: Journal
) -> AsyncIterator[House]:
    clock = VirtualClock()
    url = f"sqlite:///{tmp_path}/world.db" if request.param == "sqlite" else "memory:"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    made.worker(always_replay="always" in request.param)
    yield made
    journal.gate.set()
    await made.close()


POLLS = DefinitionId(f"{PROGRAM.name}:polls")


async def idle(house: House) -> None:
    await house.workers[-1].run_until_idle()
    for row in (await house.world.list_runs(RunFilter(), limit=200)).runs:
        fold(await house.world.history(row.run_id, 0, 10_000))


async def test_each_chapter_begins_with_new_arguments(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The log grows by a step and a restart; lines are written once."""
    with caplog.at_level(logging.INFO):
        run = await house.start(FLOWS.counts, 3)
        await idle(house)
    assert await run.result("1s") == 6
    assert await house.log(run) == [
        "run_created", "run_started", *["step_completed", "run_restarted"] * 3, "run_completed",
    ]  # fmt: skip
    row = await house.world.run(run.id)
    assert row is not None
    assert row.chapter == 4
    said = [each.getMessage() for each in caplog.records if hasattr(each, "run_id")]
    assert said == [f"chapter {number}" for number in (1, 2, 3, 4)]


async def test_a_new_chapter_has_a_new_seed(house: House) -> None:
    run = await house.start(FLOWS.draws, 4)
    await idle(house)
    seen = await run.result("1s")
    assert len(set(seen)) == 5


async def test_what_is_unfinished_is_withdrawn_and_what_is_outside_stays(
    house: House, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """No `finally` runs; attributes and children go on."""
    with caplog.at_level(logging.INFO):
        run = await house.start(FLOWS.leaves_all, 1)
        worker = house.workers[-1]
        await worker.start()
        await journal.entered.wait()
        house.advance(seconds=2)
        found = await run.result("10s")
    assert found == {"left": 1, "chapter": 1, "late": True}
    await until(lambda: journal.cancelled == 1)
    assert len(await house.events(run, StepCancelled)) == 1
    assert "abandoned" in {each.cause for each in await house.events(run, WaitCompleted)}
    assert not [each for each in caplog.records if "finally" in each.getMessage()]
    child: Run[Any] = Run(RunId("child"), house._client)
    assert not (await child.status()).ended
    house.advance(days=3)
    assert await child.result("10s") == 2
    assert "child_completed" not in await house.log(run)


async def test_a_thousand_chapters_are_recovered_like_the_first(house: House) -> None:
    """Whoever takes the run reads its first event and its last chapter."""
    run = await house.start(FLOWS.polls, 1000, 0.5)
    for _ in range(990):
        await house.workers[-1].run_until_idle()
        house.advance(seconds=1)
    await idle(house)
    row = await house.world.run(run.id)
    assert row is not None
    assert row.chapter > 900
    await house.workers[-1].stop()
    house.worker()
    read: list[int] = []
    history = house.world.history

    async def counted(*args: Any) -> Any:
        page = await history(*args)
        read.append(len(page))
        return page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.world, "history", counted)
        house.advance(seconds=1)
        await house.workers[-1].run_until_idle()
    assert 0 < sum(read) < 20
    for _ in range(30):
        house.advance(seconds=1)
        await house.workers[-1].run_until_idle()
    assert await run.result("1s") == run.id


async def test_a_cancelled_run_begins_no_other_chapter(house: House, journal: Journal) -> None:
    """Though its code swallows the request."""
    run = await house.start(FLOWS.swallows, 5)
    await idle(house)
    house.advance(days=1)
    await idle(house)
    await run.cancel("enough")
    await idle(house)
    with pytest.raises(RunCancelled, match="enough"):
        await run.result("1s")
    assert journal.calls == [("add", 4, 1)]


async def test_a_timeout_counts_from_the_chapter(house: House) -> None:
    run = await house.start(FLOWS.polls, 3, 3600 * 20, timeout="1 day")
    for _ in range(5):
        await idle(house)
        house.advance(hours=20, seconds=1)
    await idle(house)
    assert await run.status() is RunStatus.COMPLETED


async def test_a_restart_that_cannot_be_is_refused(house: House) -> None:
    """Arguments that do not bind, and a task of its own."""
    run, task = await house.start(FLOWS.misfits, 1), await house.start(FLOWS.in_a_task, 1)
    await idle(house)
    assert "missing a required argument: 'left'" in await run.result("1s")
    assert "only the workflow's main task" in await task.result("1s")


def version_with(text: str, name: str) -> Version:
    text = textwrap.dedent(text).lstrip("\n")
    source = ModuleSource(
        name=PROGRAM.name, path=f"{PROGRAM.name}.py", filename=f"/{PROGRAM.name}.py", text=text,
        sha256=name * 16,
    )  # fmt: skip
    compiled = compile_module(source)
    assert compiled.workflow is not None
    return replace(
        PROGRAM.version,
        id=VersionId(name * 4),
        workflow={PROGRAM.name: compiled.workflow},
        fingerprints=dict.fromkeys(PROGRAM.version.fingerprints, name),
    )


@pytest.mark.parametrize(
    ("old", "new", "moves"),
    [
        ("nap: float = 60)", "nap: float = 1)", True),
        ("left: int, nap: float = 60)", "left: int, more: int, nap: float = 60)", False),
        ("async def polls(", "async def polls_no_more(", False),
    ],
)
async def test_the_next_chapter_runs_on_the_active_version_if_it_can(
    house: House, old: str, new: str, *, moves: bool
) -> None:
    run = await house.start(FLOWS.polls, 1)
    await idle(house)
    other = version_with(TEXT.replace(old, new), "beef")
    await house.world.register_version(other.id, to_archive(other))
    house.advance(seconds=61)
    await idle(house)
    (restarted,) = await house.events(run, RunRestarted)
    expected = other if moves else PROGRAM.version
    assert restarted.version == expected.id
    assert restarted.fingerprint == expected.fingerprints[POLLS]
    house.advance(seconds=61)
    await idle(house)
    assert await run.result("1s") == run.id
