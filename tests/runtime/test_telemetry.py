"""Spans and metrics: who tells what, once, in which trace; and nothing where nobody listens."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.runtime import child_flows
from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from tests.runtime.test_worker import stand_still
from wfc import codec
from wfc.clock import VirtualClock
from wfc.errors import FatalError, HookNotFound, ManifestBroken, RetryableError, RunFailed
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import FailureKind, RunCreated
from wfc.runtime.hook_door import send
from wfc.runtime.otel import Telemetry
from wfc.runtime.registry import Registry
from wfc.runtime.telemetry import installed, present_span, within
from wfc.runtime.worker import Worker
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.open import open_world


class Listener:
    """What one installation tells, kept in memory."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._spans = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._metrics = InMemoryMetricReader()
        self._meters = MeterProvider([self._metrics], shutdown_on_exit=False)
        self.telemetry = Telemetry(self.provider, self._meters)
        house.session.telemetry = self.telemetry

    def worker(self, **limits: Any) -> Worker:
        house = self.house
        made = Worker(
            house.world,
            Registry(house.version, queues=house.queues),
            limits=WorkerLimits(**limits),
            telemetry=self.telemetry,
        )
        house.workers.append(made)
        return made

    def spans(self, name: str = "") -> list[ReadableSpan]:
        found = self._spans.get_finished_spans()
        return [each for each in found if not name or each.name == name]

    def count(self) -> Counter[str]:
        return Counter(str(each.name) for each in self.spans())

    def metric(self, name: str) -> dict[tuple[Any, ...], float]:
        """Give the points of a metric: the sum, or the count, by its attributes' values."""
        data = self._metrics.get_metrics_data()
        points: dict[tuple[Any, ...], float] = {}
        for resource in () if data is None else data.resource_metrics:
            for scope in resource.scope_metrics:
                for each in scope.metrics:
                    if each.name == name:
                        for point in each.data.data_points:
                            value: float = getattr(point, "value", 0) or getattr(point, "count", 0)
                            points[tuple((point.attributes or {}).values())] = value
        return points


@pytest.fixture
def listener(house: House) -> Listener:
    return Listener(house)


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


async def test_a_run_is_told_in_the_trace_of_its_start(house: House, listener: Listener) -> None:
    """Start, turns, steps and the run itself: one trace, each step once."""
    with listener.provider.get_tracer("app").start_as_current_span("request") as request:
        run = await house.start(FLOWS.chain, 3)
    await listener.worker().run_until_idle()
    assert await run.result() == 3
    traces = {each.name: trace_of(each) for each in listener.spans()}
    assert set(traces) >= {
        "wfc.start",
        "wfc.turn",
        "wfc.step",
        "wfc.run",
        "wfc.append",
        "wfc.claim",
    }
    here = request.get_span_context().trace_id
    assert {name for name, found in traces.items() if found != here} <= {"wfc.claim"}
    count = listener.count()
    assert (count["wfc.start"], count["wfc.step"], count["wfc.run"]) == (1, 3, 1)
    [start] = listener.spans("wfc.start")
    assert start.context is not None
    parents = {each.parent.span_id for each in listener.spans("wfc.step") if each.parent}
    assert parents == {start.context.span_id}
    [created] = await house.events(run, RunCreated)
    assert created.traceparent is not None
    assert created.traceparent.startswith(f"00-{here:032x}-{start.context.span_id:016x}-")


async def test_attributes_name_run_step_and_attempt(house: House, listener: Listener) -> None:
    run = await house.start(FLOWS.chain, 1)
    await listener.worker().run_until_idle()
    [step] = listener.spans("wfc.step")
    assert dict(step.attributes or {}) == {
        "wfc.run.id": run.id,
        "wfc.workflow": "runtime_flows:chain",
        "wfc.version": house.version.id,
        "wfc.step.id": (await run.steps())[0].id,
        "wfc.step.attempt": 1,
    }
    [whole] = listener.spans("wfc.run")
    row = await house.world.run(run.id)
    assert row is not None
    assert row.ended_at is not None
    assert (whole.start_time, whole.end_time) == (row.created_at * 1000, row.ended_at * 1000)


async def test_errors_are_told_by_class_and_never_by_their_words(
    house: House, listener: Listener, journal: Journal
) -> None:
    journal.failures = [RetryableError("secret", retry_after="1h"), FatalError("secret")]
    run = await house.start(FLOWS.retried, 7)
    worker = listener.worker()
    await worker.run_until_idle()
    house.advance(hours=1)
    await worker.run_until_idle()
    with pytest.raises(RunFailed):
        await run.result()
    first, second = listener.spans("wfc.step")
    assert [each.status.description for each in (first, second)] == ["RetryableError", "FatalError"]
    [whole] = listener.spans("wfc.run")
    assert whole.status.status_code is trace.StatusCode.ERROR
    assert not any("secret" in each.to_json() for each in listener.spans())
    named = {outcome: number for (_, outcome), number in listener.metric("wfc.steps").items()}
    assert named == {"retrying": 1, "failed": 1}
    assert listener.metric("wfc.runs") == {("runtime_flows:retried", "failed"): 1}


async def test_a_replay_tells_of_itself_alone(house: House, listener: Listener) -> None:
    """Another worker finishes the run: no step is told twice, and the trace goes on."""
    run = await house.start(FLOWS.tells, 1)
    first, second = listener.worker(), listener.worker()
    await first.run_until_idle()
    assert listener.count()["wfc.step"] == 1
    assert listener.count()["wfc.replay"] == 0
    await first.stop()
    for _ in range(2):
        house.advance(days=1)
        await second.run_until_idle()
    assert await run.result() == 1
    count = listener.count()
    assert (count["wfc.step"], count["wfc.replay"], count["wfc.run"]) == (1, 1, 1)
    assert len({trace_of(each) for each in listener.spans() if each.name != "wfc.claim"}) == 1
    assert list(listener.metric("wfc.replay.events").values()) == [1]


async def test_a_step_of_a_lost_worker_is_told_again_in_the_same_trace(
    house: House, listener: Listener, journal: Journal
) -> None:
    """The owner is gone for good; who takes the run over tells of attempt 2, and of the run."""
    run = await house.start(FLOWS.held, 1)
    lost = listener.worker()
    await lost.start()
    await journal.entered.wait()
    await stand_still(lost)  # it takes and renews nothing any more
    lost.owned.drop_all()  # and writes nothing
    house.advance(minutes=5)
    journal.gate.set()
    await listener.worker().run_until_idle()
    assert await run.result() == 2
    attempts = [
        (each.attributes or {})["wfc.step.attempt"]
        for each in listener.spans("wfc.step")
        if "gated" in str((each.attributes or {})["wfc.step.id"])
    ]
    assert attempts == [1, 2]
    assert listener.count()["wfc.run"] == 1
    assert len({trace_of(each) for each in listener.spans("wfc.step")}) == 1


async def test_a_run_that_is_taken_at_once_is_told_in_the_trace_of_its_start(
    house: House, listener: Listener
) -> None:
    """Though its tasks are begun in the midst of quite another span."""
    worker = house.session.worker = listener.worker()
    await worker.start()
    run = await house.start(FLOWS.chain, 2)
    with listener.provider.get_tracer("app").start_as_current_span("other"):
        assert await run.result() == 1
        other = await house.start(FLOWS.chain, 1)
    assert await other.result() == 0
    traces = [trace_of(each) for each in listener.spans("wfc.step")]
    assert len(traces) == 3
    assert traces[0] == traces[1] != traces[2]
    [start, later] = listener.spans("wfc.start")
    assert (trace_of(start), trace_of(later)) == (traces[0], traces[2])


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_a_child_is_told_in_the_trace_of_its_parent(house: House, listener: Listener) -> None:
    clock = VirtualClock()
    world = open_world("memory:", clock)
    await world.open()
    family = await House(world, clock, child_flows.PROGRAM.version).open()
    told = Listener(family)
    run = await family.start(child_flows.FLOWS.one, 4)
    await told.worker().run_until_idle()
    assert await run.result() == 9
    assert told.count()["wfc.run"] == 2
    assert told.count()["wfc.start"] == 1, "a child is begun by its parent's append"
    assert len({trace_of(each) for each in told.spans() if each.name != "wfc.claim"}) == 1
    await family.close()


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_values_from_outside_and_moves_are_told(house: House, listener: Listener) -> None:
    """In the trace of whoever asks; a dry run is told, too."""
    run = await house.start(FLOWS.waits, 1)
    with pytest.raises(HookNotFound):
        await send(house.session, "nobody", 1)
    with (
        listener.provider.get_tracer("app").start_as_current_span("request"),
        pytest.raises(ManifestBroken),  # versions of these tests have none
    ):
        await run.upgrade(house.version.id, dry_run=True)
    [resume], [upgrade] = listener.spans("wfc.hook.resume"), listener.spans("wfc.upgrade")
    [request] = listener.spans("request")
    assert resume.parent is None
    assert resume.status.description == "HookNotFound"
    assert (resume.attributes or {})["wfc.error.code"] == HookNotFound.code
    assert "nobody" not in resume.to_json()
    assert trace_of(upgrade) == trace_of(request)
    assert (upgrade.attributes or {})["wfc.run.id"] == run.id


async def test_spans_that_a_body_opens_say_whose_they_are(
    house: House, listener: Listener, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = listener.provider.get_tracer("app")

    class Calls(list[Any]):
        def append(self, call: Any) -> None:
            with tracer.start_as_current_span("inner"):
                super().append(call)

    journal.calls = Calls()
    run = await house.start(FLOWS.chain, 1)
    with tracer.start_as_current_span("outer"):
        pass
    await listener.worker().run_until_idle()
    [inner], [step], [outer] = (listener.spans(name) for name in ("inner", "wfc.step", "outer"))
    assert dict(inner.attributes or {}) == dict(step.attributes or {})
    assert (inner.attributes or {})["wfc.run.id"] == run.id
    assert inner.parent is not None
    assert step.context is not None
    assert inner.parent.span_id == step.context.span_id
    assert not outer.attributes


async def test_who_commits_the_end_tells_of_the_run(house: House, listener: Listener) -> None:
    """A forced cancel is committed by who asks for it; no worker knows of the run."""
    run = await house.start(FLOWS.waits, 1)
    assert await run.cancel(force=True)
    [whole] = listener.spans("wfc.run")
    assert (whole.attributes or {})["wfc.run.id"] == run.id
    assert listener.metric("wfc.runs") == {("runtime_flows:waits", "cancelled"): 1}
    await listener.worker().run_until_idle()
    assert listener.count()["wfc.run"] == 1


async def test_queues_are_named_and_what_cannot_be_read_is_an_error_all_the_same(
    house: House, listener: Listener
) -> None:
    """An error under a key that is not here, or damaged, has no name."""
    run = await house.start(FLOWS.waits, 1)
    [created] = await house.events(run, RunCreated)
    row = await house.world.run(run.id)
    assert row is not None
    for error in (b"damaged", codec.ENCRYPTED):
        ended = replace(
            row, status=RunStatus.FAILED, queue="free", error=error,
            failure_kind=FailureKind.DIVERGENCE,
        )  # fmt: skip
        listener.telemetry.ended(ended, replace(created, traceparent=None))
    for span in listener.spans("wfc.run"):
        assert (span.status.status_code, span.status.description) == (trace.StatusCode.ERROR, None)
        assert (span.attributes or {})["wfc.queue"] == "free"
    assert listener.metric("wfc.divergences") == {("runtime_flows:waits",): 2}


async def test_a_body_that_is_cut_off_is_told(
    house: House, listener: Listener, journal: Journal
) -> None:
    run = await house.start(FLOWS.held, 1)
    worker = listener.worker(drain_s=0)
    await worker.start()
    await journal.entered.wait()
    await worker.stop()
    assert [outcome for _, outcome in listener.metric("wfc.steps")] == ["cancelled"]
    assert listener.count()["wfc.step"] == 1
    assert (await run.why()).kind in {"step_queued", "no_worker"}


async def test_what_is_measured(house: House, listener: Listener) -> None:
    await house.start(FLOWS.chain, 2)
    worker = listener.worker()
    await worker.run_until_idle()
    assert list(listener.metric("wfc.queue.wait").values()) == [1]
    assert sum(listener.metric("wfc.append.duration").values()) == 3
    assert sum(listener.metric("wfc.step.duration").values()) == 2
    await worker.fenced()
    assert list(listener.metric("wfc.leases.lost").values()) == [1]
    listener.telemetry.stalled(31.0)
    assert list(listener.metric("wfc.loop.stall").values()) == [1]


def test_nobody_listens_unless_somebody_is_set_up() -> None:
    assert installed() is None
    script = (
        "import sys, wfc, wfc.api, wfc.config, wfc.runtime.worker, wfc.runtime.telemetry as t; "
        "assert t.installed() is None; "
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]; "
        "from opentelemetry import trace; from opentelemetry.sdk.trace import TracerProvider; "
        "assert t.installed() is None; "
        "trace.set_tracer_provider(TracerProvider()); "
        "assert t.installed() is not None"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_the_library_nothing_is_told() -> None:
    """Some part of it may be there all the same."""
    script = (
        "import sys, types; sys.modules['opentelemetry'] = types.ModuleType('opentelemetry'); "
        "import wfc.runtime.telemetry as t; assert t.installed() is None"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_span_of_another_process_is_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as it is said; where the library is not, there is nothing to say it to."""
    header = f"00-{7:032x}-{8:016x}-01"
    for around, found in ((None, None), (header, header)):
        with within(around):
            assert present_span() == found
        assert present_span() is None
    monkeypatch.delattr("wfc.runtime.otel")
    monkeypatch.setitem(sys.modules, "wfc.runtime.otel", None)
    with within(header):
        assert present_span() is None
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert present_span() is None
