"""What waits in a world is told as gauges: by what a worker has read at its sweep."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tests.runtime.flows import FLOWS
from tests.runtime.house import House
from tests.runtime.test_telemetry import Listener
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCreated
from wfc.ids import DefinitionId, RunId
from wfc.runtime.gauges import Gauges
from wfc.runtime.measuring import measure
from wfc.runtime.queues import Queues, named_queue
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.runtime.seen import Seen
from wfc.runtime.why import WhyKind
from wfc.worlds.protocol import NewRun

GAUGES = ("wfc.queue.depth", "wfc.queue.oldest_ready", "wfc.runs.late", "wfc.runs.stuck")


@pytest.fixture
def listener(house: House) -> Listener:
    return Listener(house)


def told(listener: Listener) -> list[dict[tuple[Any, ...], float]]:
    return [listener.metric(name) for name in GAUGES]


async def test_nothing_is_told_before_a_worker_has_looked(house: House, listener: Listener) -> None:
    """Nor once it has stopped."""
    await house.start(FLOWS.chain, 1)
    assert told(listener) == [{}, {}, {}, {}]
    worker = listener.worker()
    await worker.run_until_idle()
    assert told(listener) == [{(): 0}, {(): 0}, {(): 0}, {(): 0}]
    await worker.stop()
    assert told(listener) == [{}, {}, {}, {}]


async def test_what_waits_is_told_by_queue(house: House, listener: Listener) -> None:
    """What is due and what waits at the queue's gate; an emptied queue is told as empty."""
    narrow = named_queue("narrow", concurrency=1)
    house.session.registry = Registry(house.version, queues=Queues({"narrow": narrow}))
    house.queues = Queues({"narrow": narrow})
    await house.world.define_limits([narrow.limit])
    for _ in range(3):
        await house.start(FLOWS.chain, 1, queue="narrow")
    house.advance(seconds=20)
    await house.start(FLOWS.chain, 1)
    house.advance(seconds=5)
    await measure(house.world, listener.telemetry)
    assert told(listener)[:2] == [{(): 1, ("narrow",): 3}, {(): 5, ("narrow",): 25}]
    await listener.worker().run_until_idle()
    assert told(listener)[:2] == [{(): 0, ("narrow",): 0}, {(): 0, ("narrow",): 0}]


async def test_late_runs_are_told(house: House, listener: Listener) -> None:
    run = await house.start(FLOWS.waits, 1)
    row = RunCreated(
        workflow=DefinitionId("runtime_flows:waits"), version=house.version.id,
        fingerprint="f" * 32, arguments=b"", seed=bytes(32), goal_s=60.0,
    )  # fmt: skip
    await house.world.append(RunId("late"), [row], guard=NewRun())
    house.advance(minutes=2)
    await measure(house.world, listener.telemetry)
    assert listener.metric("wfc.runs.late") == {(): 1}
    await Run(RunId("late"), house._client).cancel(force=True)
    assert await run.status() is RunStatus.PENDING
    await measure(house.world, listener.telemetry)
    assert listener.metric("wfc.runs.late") == {(): 0}


async def test_stuck_is_what_why_calls_so(house: House, listener: Listener) -> None:
    """Blocked, or due for a minute while somebody was awake."""
    blocked, waiting = await house.start(FLOWS.waits, 1), await house.start(FLOWS.waits, 2)
    worker = listener.worker()
    await worker.run_until_idle()
    await house.world.block(RunId(blocked.id), "damaged")
    forgotten, paused = await house.start(FLOWS.chain, 1), await house.start(FLOWS.chain, 1)
    await paused.pause()
    for seconds, count in ((59, 1), (1, 2)):
        house.advance(seconds=seconds)
        await worker.membership.keep()
        kinds = [(await run.why()).kind for run in (blocked, waiting, forgotten, paused)]
        await measure(house.world, listener.telemetry)
        assert sum(kind in {WhyKind.BLOCKED, WhyKind.STUCK} for kind in kinds) == count
        assert listener.metric("wfc.runs.stuck") == {(): count}
    await worker.run_until_idle()
    assert await forgotten.status() is RunStatus.COMPLETED
    assert listener.metric("wfc.runs.stuck") == {(): 1}


async def test_nobody_looks_where_nobody_listens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(**_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(house.world, "backlog", never)
    await house.start(FLOWS.chain, 1)
    await house.worker().run_until_idle()


async def test_gauges_keep_nobody_alive() -> None:
    """A provider lives as long as its process, and sessions come and go."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    gauges = Gauges(meters.get_meter("wfc"))
    gauges.show(Seen(queues={}, late=1, stuck=0, now=0))
    assert reader.get_metrics_data() is not None
    del gauges
    gc.collect()
    data = reader.get_metrics_data()
    points = [
        point
        for resource in ([] if data is None else data.resource_metrics)
        for scope in resource.scope_metrics
        for each in scope.metrics
        for point in each.data.data_points
    ]
    assert points == []
