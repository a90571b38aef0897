"""What is told to OpenTelemetry, under which names. Only `wfc.runtime.telemetry` imports this.

No payload is told, and no message of an error: both are the application's data. A replay tells of
itself alone: the steps that it finds in the log were told by whoever ran them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from opentelemetry import metrics, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from wfc import codec
from wfc.clock import MICROSECONDS
from wfc.errors import CannotDecrypt, CodecError, WfcError
from wfc.eventlog.entity import Run
from wfc.eventlog.event import FailureKind, Recorded, RunCreated
from wfc.ids import RunId
from wfc.runtime import context
from wfc.runtime.attempt import Call, Ended
from wfc.runtime.execution import Execution
from wfc.runtime.gauges import Gauges
from wfc.runtime.operations import Outcome
from wfc.runtime.seen import Seen

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

_NAME: Final = "wfc"
_TRACES_MAX: Final = 4096
"""Of so many runs it is remembered in which trace they are."""
_NS: Final = 1000
_PROPAGATOR: Final = TraceContextTextMapPropagator()
Deliver = Callable[[Execution, Sequence[Recorded]], Outcome]


def is_set_up() -> bool:
    """Tell whether the application has said where spans or metrics go."""
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return True
    # The stand-in for a provider of metrics has no public name.
    return "Proxy" not in type(metrics.get_meter_provider()).__name__


class Telemetry:
    """Tells one pair of providers what one session does."""

    def __init__(
        self, tracers: TracerProvider | None = None, meters: MeterProvider | None = None
    ) -> None:
        """Tell these, or those that the process has set up. Spans that step bodies open get the
        attributes of their attempt, too, where the provider lets it be said.
        """
        tracers = tracers or trace.get_tracer_provider()
        made = version("wfc-durable")
        self._tracer = trace.get_tracer(_NAME, made, tracer_provider=tracers)
        meter = metrics.get_meter(_NAME, made, meter_provider=meters)
        self._runs = meter.create_counter("wfc.runs", description="runs that have ended")
        self._steps = meter.create_counter("wfc.steps", description="attempts that have ended")
        self._took = meter.create_histogram("wfc.step.duration", "s", "what a body took")
        self._waited = meter.create_histogram("wfc.queue.wait", "s", "from due to begun, of a run")
        self._appends = meter.create_histogram("wfc.append.duration", "s", "what an append took")
        self._replayed = meter.create_histogram("wfc.replay.events", "{event}", "of one delivery")
        self._lost = meter.create_counter("wfc.leases.lost", description="leases that ran out")
        self._stalls = meter.create_histogram("wfc.loop.stall", "s", "how long a loop stood still")
        self._diverged = meter.create_counter("wfc.divergences", description="runs that diverged")
        self._gauges = Gauges(meter)
        self._traces: OrderedDict[RunId, Context] = OrderedDict()
        _watch_bodies(tracers)

    # -- starting

    def traceparent(self) -> str | None:
        """Give the present span as a run records it; None if there is none."""
        return present_span()

    @contextmanager
    def started(self, workflow: str) -> Iterator[Span]:
        """Tell of the start of a run; the span is the present one meanwhile."""
        with self._present("wfc.start", None, {"wfc.workflow": workflow}) as span:
            yield span

    @contextmanager
    def span(self, name: str, run_id: RunId | None = None) -> Iterator[Span]:
        """Tell of what a caller asks for: in its own trace, else in that of the run."""
        attributes = {} if run_id is None else {"wfc.run.id": run_id}
        around = None if trace.get_current_span().get_span_context().is_valid else self._of(run_id)
        with self._present(name, around, attributes) as span:
            yield span

    @contextmanager
    def _present(
        self, name: str, around: Context | None, attributes: Mapping[str, Any]
    ) -> Iterator[Span]:
        """Open a span that is the present one meanwhile; of an error it is told what it is, and not
        what it says.
        """
        with self._tracer.start_as_current_span(
            name,
            context=around,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(trace.StatusCode.ERROR, type(error).__qualname__)
                if isinstance(error, WfcError) and error.code is not None:
                    span.set_attribute("wfc.error.code", error.code)
                raise

    @contextmanager
    def moving(self, run_id: RunId, traceparent: str | None = None) -> Iterator[Span]:
        """Tell of a run that a worker moves to another version: in the trace of the run."""
        # Not in the present span: whatever span the worker was started in has long ended.
        around = self._remember(run_id, traceparent)
        with self._present("wfc.upgrade", around, {"wfc.run.id": run_id}) as span:
            yield span

    # -- executing

    async def step(self, call: Call, work: Awaitable[Ended]) -> Ended:
        """Tell of an attempt: `work` runs it."""
        around = self._remember(call.run_id, call.traceparent)
        began, outcome = time.monotonic(), "cancelled"
        with self._present("wfc.step", around, attributes_of(call)) as span:
            try:
                ended = await work
                outcome = _outcome(ended)
                if ended.failed:
                    _tell_error(span, ended.payload)
            finally:
                named = {"step": call.step, "outcome": outcome}
                self._steps.add(1, named)
                self._took.record(time.monotonic() - began, named)
        return ended

    def deliver(
        self, deliver: Deliver, execution: Execution, recorded: Sequence[Recorded]
    ) -> Outcome:
        """Tell of a turn of workflow code, or of a replay if the code has been there before."""
        created = execution.created
        around = None
        if created is not None:
            around = self._remember(execution.run_id, created.traceparent)
        heard = max(execution.heard_until or 0, execution.quiet_until or 0)
        again = sum(each.position <= heard for each in recorded)
        attributes: dict[str, str] = {"wfc.run.id": execution.run_id}
        if created is not None:
            attributes["wfc.workflow"] = created.workflow
        name = "wfc.replay" if again else "wfc.turn"
        # Not the present span: workflow code opens none, and a step opens its own.
        span = self._tracer.start_span(name, context=around, attributes=attributes)
        try:
            return deliver(execution, recorded)
        finally:
            span.end()
            if again:
                self._replayed.record(again)

    @contextmanager
    def claiming(self, run_id: RunId) -> Iterator[None]:
        """Tell of a claim. If the run is new here, its trace is not known yet."""
        # Not the present context: whatever span a worker was started in has long ended.
        span = self._tracer.start_span(
            "wfc.claim", context=self._of(run_id), attributes={"wfc.run.id": run_id}
        )
        try:
            yield
        finally:
            span.end()

    def appended(self, run_id: RunId, began_s: float, count: int) -> None:
        """Tell of an append of `count` events that began at `began_s`, by `time.monotonic`."""
        took_s = time.monotonic() - began_s
        self._appends.record(took_s)
        now = time.time_ns()
        attributes: dict[str, str | int] = {"wfc.run.id": run_id, "wfc.events": count}
        self._tracer.start_span(
            "wfc.append", context=self._of(run_id), attributes=attributes,
            start_time=now - int(took_s * 1e9),
        ).end(now)  # fmt: skip

    def begun(self, created: RunCreated, created_at: int, now: int) -> None:
        """Tell that a run was first taken."""
        since = max(created_at, created.not_before or 0)
        self._waited.record(max(now - since, 0) / MICROSECONDS, {"workflow": created.workflow})

    def ended(self, run: Run, created: RunCreated) -> None:
        """Tell of a run from its creation to its end: only who committed the end does."""
        named: dict[str, str] = {"workflow": run.workflow, "status": run.status.value}
        self._runs.add(1, named)
        if run.failure_kind is FailureKind.DIVERGENCE:
            self._diverged.add(1, {"workflow": run.workflow})
        span = self._tracer.start_span(
            "wfc.run",
            context=self._remember(run.run_id, created.traceparent),
            attributes=_attributes_of_run(run),
            start_time=run.created_at * _NS,
        )
        if run.error is not None:
            _tell_error(span, run.error)
        span.end(None if run.ended_at is None else run.ended_at * _NS)

    def lease_lost(self) -> None:
        """Tell that others have given this worker up."""
        self._lost.add(1)

    def measured(self, seen: Seen | None) -> None:
        """Tell what a worker has seen waiting in its world; None: it looks no more."""
        self._gauges.show(seen)

    def stalled(self, seconds: float) -> None:
        """Tell that the event loop has stood still."""
        self._stalls.record(seconds)

    # -- below

    def _remember(self, run_id: RunId, traceparent: str | None) -> Context:
        """Give the context of a run's trace, for all that is told of the run later."""
        known = self._traces.get(run_id)
        if known is not None:
            return known
        carrier = {} if traceparent is None else {"traceparent": traceparent}
        # Not the present context: who drives a run may have been begun by quite another.
        made = self._traces[run_id] = _PROPAGATOR.extract(carrier, Context())
        if len(self._traces) > _TRACES_MAX:
            self._traces.popitem(last=False)
        return made

    def _of(self, run_id: RunId | None) -> Context:
        return Context() if run_id is None else self._traces.get(run_id, Context())


def present_span() -> str | None:
    """Give the present span as `traceparent` says it; None if there is none."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def within(traceparent: str) -> Iterator[None]:
    """Let a span of another process be the present one. Spans that a body opens meanwhile go to
    whomever this process has set up by now.
    """
    _watch_bodies(trace.get_tracer_provider())
    token = attach(_PROPAGATOR.extract({"traceparent": traceparent}, Context()))
    try:
        yield
    finally:
        detach(token)


def attributes_of(call: Call) -> dict[str, str | int]:
    """Describe an attempt, for its span and for those that its body opens."""
    attributes: dict[str, str | int] = {
        "wfc.run.id": call.run_id,
        "wfc.workflow": call.workflow,
        "wfc.version": call.version,
        "wfc.step.id": call.operation_id,
        "wfc.step.attempt": call.attempt,
    }
    if call.policy.queue is not None:
        attributes["wfc.queue"] = call.policy.queue
    return attributes


def _attributes_of_run(run: Run) -> Mapping[str, str]:
    attributes: dict[str, str] = {
        "wfc.run.id": run.run_id,
        "wfc.workflow": run.workflow,
        "wfc.version": run.version,
    }
    if run.queue is not None:
        attributes["wfc.queue"] = run.queue
    return attributes


def _outcome(ended: Ended) -> str:
    if ended.retry_at is not None:
        return "retrying"
    return "failed" if ended.failed else "completed"


def _tell_error(span: Span, payload: bytes) -> None:
    """Name the class of an error, and its code if it is one of ours."""
    try:
        error = codec.read_error(payload)
    except (CodecError, CannotDecrypt):
        span.set_status(trace.StatusCode.ERROR)
        return
    span.set_status(trace.StatusCode.ERROR, error.type.rpartition(":")[2])
    if error.code is not None:
        span.set_attribute("wfc.error.code", error.code)


_watched: Final[WeakSet[Any]] = WeakSet()


def _watch_bodies(tracers: Any) -> None:
    """Have spans that bodies open described, too; once for each provider."""
    add = getattr(tracers, "add_span_processor", None)
    if add is None or tracers in _watched:
        return
    from opentelemetry.sdk.trace import SpanProcessor  # noqa: PLC0415 - whose provider this is

    class OfBodies(SpanProcessor):
        """Gives a span that begins in the body of a step the attributes of the attempt."""

        def on_start(self, span: Any, *_: Any, **__: Any) -> None:
            """Hear of a span that begins."""
            call = context.attempt.get()
            if isinstance(call, Call):
                span.set_attributes(attributes_of(call))

    add(OfBodies())
    _watched.add(tracers)
