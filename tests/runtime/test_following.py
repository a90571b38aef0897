"""Runs that follow new versions by themselves, if the new version says so."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.runtime.moving_house import DEARER, ONE, TELLS, Moves
from tests.runtime.test_upgrade import asleep
from wfc.errors import BundleUnloadable, WorldUnreachable
from wfc.ids import RunId, WorkerId
from wfc.manifests.store import Version
from wfc.runtime.following import Following
from wfc.runtime.otel import Telemetry
from wfc.runtime.registry import Registry
from wfc.runtime.telemetry import present_span


def follower(moves: Moves, version: Version) -> Following:
    registry = Registry(version, on_new_version="upgrade")
    return Following(moves.world, registry, WorkerId("worker_1"))


async def test_open_runs_move_when_they_are_claimed(
    moves: Moves, caplog: pytest.LogCaptureFixture
) -> None:
    """By the worker, once; the log of the run says so, and so does that of the worker."""
    await asleep(moves, "a")
    two = await moves.deploy(TELLS)
    moves.advance(days=2)
    with caplog.at_level(logging.INFO, "wfc.worker"):
        await moves.work(two, on_new_version="upgrade")
    (event,) = await moves.upgrades("a")
    assert (event.to_version, event.channel.value) == (two.id, "runtime")
    assert await moves.run("a").result() == ["a:4200", "shipped a"]
    assert f"run a moved (version {two.id})" in caplog.text


async def test_a_single_workflow_may_say_so(moves: Moves) -> None:
    """By its policy."""
    await asleep(moves, "a")
    text = TELLS.replace("async def flow", '@policy(on_new_version="upgrade")\nasync def flow')
    two = await moves.deploy(text)
    moves.advance(days=2)
    await moves.work(two)
    assert len(await moves.upgrades("a")) == 1


async def test_they_stay_unless_somebody_says_so(moves: Moves) -> None:
    """The word of the new version counts, not that of the old."""
    one, _ = await asleep(moves, "a")
    two = await moves.deploy(TELLS)
    moves.advance(days=2)
    await moves.work(two)
    assert await moves.upgrades("a") == []
    assert await moves.version_of("a") == one.id


async def test_what_is_refused_is_tried_once(
    moves: Moves, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is overlooked; the run ends on the code it has."""
    one, _ = await asleep(moves, "a")
    two = await moves.deploy(DEARER)
    following = follower(moves, two)
    with caplog.at_level(logging.INFO, "wfc.worker"):
        for _ in range(3):
            await following.follow(RunId("a"))
    assert caplog.text.count("run a stays") == 1
    assert "4200 -> 4300" in caplog.text
    moves.advance(days=2)
    await moves.work(two, on_new_version="upgrade")
    assert await moves.run("a").result() == ["a:4200", "shipped a"]
    assert await moves.version_of("a") == one.id


async def test_a_worker_of_an_older_version_leads_no_run_back(moves: Moves) -> None:
    """While a deploy is under way both work."""
    one = await moves.deploy(ONE)
    two = await moves.deploy(TELLS)
    await moves.begin(two, "a")
    following = follower(moves, one)
    await following.follow(RunId("a"))
    assert await moves.upgrades("a") == []


async def test_what_needs_no_move(moves: Moves) -> None:
    """Runs of this version, of the same workflow in another build, ended ones, unknown ones."""
    await asleep(moves, "a")
    two = await moves.deploy(ONE.replace("    return [paid", "    # Both.\n    return [paid"))
    await moves.begin(two, "b")
    await moves.run("b").cancel(force=True)
    following = follower(moves, two)
    for name in ("a", "b", "nobody"):
        await following.follow(RunId(name))
    assert await moves.upgrades("a") == []


async def test_a_held_run_is_tried_again_at_the_next_claim(moves: Moves) -> None:
    """It is not counted as tried."""
    await asleep(moves, "a")
    two = await moves.deploy(TELLS)
    following = follower(moves, two)
    async with moves.held("a"):
        await following.follow(RunId("a"))
    assert await moves.upgrades("a") == []
    await following.follow(RunId("a"))
    assert len(await moves.upgrades("a")) == 1


@pytest.mark.parametrize(
    ("error", "ends"), [(BundleUnloadable("torn"), False), (WorldUnreachable("gone"), True)]
)
async def test_trouble_is_told_and_stops_no_run(
    moves: Moves,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    ends: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Unless the world is gone, which the worker deals with as ever."""
    await asleep(moves, "a")
    two = await moves.deploy(TELLS)

    async def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("wfc.runtime.upgrade.Upgrader.upgrade", fails)
    following = follower(moves, two)
    if ends:
        with pytest.raises(WorldUnreachable):
            await following.follow(RunId("a"))
        return
    await following.follow(RunId("a"))
    assert "run a was not moved" in caplog.text


async def test_only_so_many_are_remembered(moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker lives for months."""
    monkeypatch.setattr("wfc.runtime.following._REMEMBERED", 1)
    await asleep(moves, "a", "b")
    two = await moves.deploy(DEARER)
    following = follower(moves, two)
    for name in ("a", "b"):
        await following.follow(RunId(name))
    assert len(following._tried) == 1


async def test_a_move_is_told_in_the_trace_of_its_run(moves: Moves) -> None:
    """Not in the span in which the worker happens to be; what is not tried again is not told."""
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with provider.get_tracer("app").start_as_current_span("start") as begun:
        moves.traceparent = present_span()
        await asleep(moves, "a")
    registry = Registry(await moves.deploy(TELLS), on_new_version="upgrade")
    following = Following(moves.world, registry, WorkerId("worker_1"), Telemetry(provider))
    with provider.get_tracer("app").start_as_current_span("other"):
        await following.follow(RunId("a"))
        await following.follow(RunId("a"))
    assert len(await moves.upgrades("a")) == 1
    (upgrade,) = [each for each in spans.get_finished_spans() if each.name == "wfc.upgrade"]
    assert upgrade.context is not None
    assert upgrade.context.trace_id == begun.get_span_context().trace_id
    assert dict(upgrade.attributes or {}) == {"wfc.run.id": "a"}
