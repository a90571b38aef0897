"""The interpreter of one run: fed events in log order, it says what the workflow's code asks
for.

No await, no clock, no database. An event is delivered only after its commit; per event the run
clock is set, what the event answers is resolved, and the loop runs until idle. A whole history
delivered at once and the same events delivered one by one come to the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import math
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, NoReturn

from wfc import abi, codec, fault
from wfc.errors import (
    CodecError,
    Deadlock,
    Diverged,
    EffectInWorkflow,
    LimitExceeded,
    StepError,
    TurnTooLong,
)
from wfc.eventlog.event import (
    EVENT_TYPES,
    AttributesSet,
    Event,
    FailureKind,
    Recorded,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunRestarted,
    RunUpgraded,
    RunWoken,
    Scalar,
    StepCancelled,
    StepCompleted,
    StepFailed,
    WaitCompleted,
)
from wfc.ids import OperationId, RunId, Site, operation_id, split_operation_id
from wfc.manifests.sites import site_of
from wfc.runtime import context, divergence, dropping, refusals
from wfc.runtime.attributes import ATTRIBUTES_MAX
from wfc.runtime.draws import Draws
from wfc.runtime.driving import Driving
from wfc.runtime.loop import Loop, RunTimer
from wfc.runtime.operations import (
    AttributesAsked,
    Cancelled,
    Completed,
    Failed,
    Operation,
    Outcome,
    Restarted,
    Suspended,
    WaitAsked,
)
from wfc.runtime.pending import Ending, Pending, PendingAttributes, PendingTimer, PendingWait, Place
from wfc.runtime.sandbox import Namespaces, Template

_LOG: Final = logging.getLogger("wfc.workflow")
_WARN_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a chapter of a run may become; `cleanup` events more are kept for its cleanup."""

    events: int = 100_000
    cleanup: int = 200
    pending: int = 10_000
    payload: int = codec.PAYLOAD_MAX
    """Bytes of one value."""
    attributes: int = ATTRIBUTES_MAX


_LIMITS: Final = Limits()
_NO_CHANGES: Final[frozenset[str]] = frozenset()  # one for all: each would take 216 bytes
_NONE: Final[dict[Any, Any]] = {}
"""Stands for tables that are nearly always empty: who writes makes one. 64 bytes each."""


class Execution:
    """One live run (one chapter of it); see the module.

    `ended` tells that the last outcome was an end. Log lines of turns that ran before are dropped,
    since they were written then: those through the event at `heard_until`. If a lost owner may have
    gone further, `quiet_until` is how long the log was when the execution was made, and only its
    last turn is taken for a new one.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_attributes",
        "_batch",
        "_begun",
        "_cancel",
        "_counters",
        "_cursor",
        "_draws",
        "_failure",
        "_given_up",
        "_left",
        "_limits",
        "_live_from",
        "_now",
        "_opening",
        "_pending",
        "_plans",
        "_quiet_until",
        "_restart",
        "_seed",
        "_settled",
        "_warn_at",
        "_warned",
        "_withdrawn",
        "alive",
        "changes",
        "chapter",
        "created",
        "ended",
        "environment",
        "heard_until",
        "loop",
        "main",
        "namespaces",
        "on_behalf_of",
        "position",
        "run_id",
        "seeded",
        "template",
        "variables",
    )

    def __init__(
        self,
        template: Template,
        run_id: RunId,
        opening: Recorded,
        *,
        limits: Limits = _LIMITS,
        quiet_until: int | None = None,
        heard_until: int | None = None,
    ) -> None:
        """Prepare to execute a chapter that `opening` began; no code runs yet."""
        begun = opening.event
        if not isinstance(begun, RunCreated | RunRestarted):
            raise TypeError(f"no chapter begins with {begun.name}")
        self.template = template
        self.run_id = run_id
        self._plans = template.plans
        self.chapter = begun.chapter if isinstance(begun, RunRestarted) else 1
        self.ended = False
        self.position = opening.position
        self.changes = frozenset(begun.changes) if begun.changes else _NO_CHANGES
        self.environment: Mapping[str, str] = begun.environment
        self.loop = Loop(self)  # type: ignore[abstract]  # the rest is refused, by methods set in a loop
        self.main: asyncio.Task[Any] | None = None
        self.variables = contextvars.Context()
        self.alive = [True]
        """Empty once no user code may run any more; `context.alive` of our context."""
        self.namespaces: Namespaces | None = None
        self.seeded: random.Random | None = None
        """The generator of `random`, once the code has called `random.seed`."""
        self.on_behalf_of: FrameType | None = None
        """Whose step call it is, while a shim makes one."""
        self._opening = opening
        self._begun = begun
        self._limits = limits
        self._warn_at = opening.position + int(limits.events * _WARN_SHARE)
        self._quiet_until = quiet_until
        self.heard_until = heard_until
        self._live_from: float | None = None
        self._now = opening.recorded_at
        self.created: RunCreated | None = begun if isinstance(begun, RunCreated) else None
        """How the run began; in later chapters, if whoever made this execution says so."""
        self._seed = begun.seed
        self._draws: Draws | None = None
        self._attributes: Mapping[str, Scalar] = getattr(begun, "attributes", _NONE)
        self._counters: dict[Site, int] = {}
        self._pending: dict[OperationId, Pending] = {}
        self._left: list[asyncio.Task[Any]] | None = None
        self._asked: dict[OperationId, Operation] = _NONE
        self._given_up: dict[OperationId, Pending] = _NONE
        self._withdrawn: dict[OperationId, Operation] = _NONE
        self._batch: Sequence[Recorded] = ()
        self._cursor = 0
        self._settled = False
        self._failure: tuple[BaseException, FailureKind] | None = None
        self._restart: bytes | None = None
        self._cancel: RunCancelRequested | None = None
        self._warned = False

    # -- the door -------------------------------------------------------------------------------

    def deliver(self, recorded: Sequence[Recorded]) -> Outcome:
        """Take events in, in log order, and run the code until it waits again.

        The first call starts the code, also if `recorded` is empty; the opening may stand in it.
        """
        if self._quiet_until is None and self.heard_until is None:
            self._quiet_until = recorded[-1].position if recorded else 0
        self._batch, self._cursor, self._live_from = recorded, 0, None
        self._asked = self._withdrawn = _NONE
        fault.point("events.delivering")
        with Driving(self.loop):
            try:
                self._drive()
            except (SystemExit, TurnTooLong) as error:
                kind = FailureKind.USER if isinstance(error, SystemExit) else FailureKind.LIMIT
                self._fail(error, kind)
            except BaseException:
                self.kill()  # KeyboardInterrupt: the host stops, and this execution with it
                raise
            outcome = self.variables.run(self._outcome)
        self._batch = ()
        self._asked = self._withdrawn = _NONE
        self.ended = not isinstance(outcome, Suspended)
        fault.point("events.delivered")
        return outcome

    def kill(self) -> None:
        """Let no more user code run: not here, and not where its objects may be freed later."""
        self.alive.clear()
        self.loop.stopped = True
        if self.namespaces is not None:
            self.namespaces.kill()

    def drop(self) -> None:
        """Free everything without running user code; a second call does nothing."""
        dropping.drop(self)
        self.free()
        self.ended = True

    def free(self) -> None:
        """Let go of all that operations hold."""
        self._pending.clear()
        self._given_up = _NONE
        self._left = None

    # -- what an event does ---------------------------------------------------------------------

    def _drive(self) -> None:
        if self.main is None and self._failure is None:
            self._now = self._begins_at()
            self._start()
            self._turn()
        batch = self._batch
        while self._cursor < len(batch):
            recorded = batch[self._cursor]
            self._cursor += 1
            if recorded.position <= self._opening.position:
                continue
            self._now = max(self._now, recorded.recorded_at)
            self.position = recorded.position
            change = _CHANGES.get(type(recorded.event))
            if change is not None and self._failure is None and self._restart is None:
                change(self, recorded)
                if self.loop.ready:
                    self._turn()

    def _begins_at(self) -> int:
        """Give the run clock at the start: a delayed run begins when it was due, or was woken."""
        begun = self._begun
        if not isinstance(begun, RunCreated) or begun.not_before is None:
            return self._now
        for each in self._batch:
            if isinstance(each.event, RunWoken):
                return each.recorded_at
            if type(each.event) in _CHANGES:
                break
        return max(self._now, begun.not_before)

    def _start(self) -> None:
        self.variables.run(self._enter)
        try:
            self.main = self.variables.run(self._call)
        except Exception as error:  # noqa: BLE001 - decorators and validators are user code
            self._fail(error, _kind_of(error))

    def _enter(self) -> None:
        context.current.set(self)
        context.alive.set(self.alive)

    def _call(self) -> asyncio.Task[Any]:
        arguments = self.template.decode_arguments(self._begun.arguments)
        self.namespaces = self.template.instantiate()
        args, kwargs = self.template.spread(arguments)
        coroutine = self.namespaces.workflow(*args, **kwargs)
        if not inspect.iscoroutine(coroutine):
            raise TypeError(f"{self.template.workflow} gave {coroutine!r}, which is no coroutine")
        return self.loop.create_task(coroutine, context=self.variables)

    def _turn(self) -> None:
        """Run the code until it waits, then see to the end of the body."""
        loop = self.loop
        loop.run_until_idle()
        if self._settled or not self.alive or self.main is None or not self.main.done():
            return
        if self._left is None:
            # As `asyncio.run` does: what the body left behind is cancelled, once, and may clean up.
            self._left = [task for task in loop.tasks() if not task.done()]
            for task in self._left:
                task.cancel()
            loop.run_until_idle()
        self._settled = all(task.done() for task in self._left) or not self._can_wake()

    def _answer(self, recorded: Recorded) -> None:
        event: Any = recorded.event
        name: OperationId = event.operation_id
        pending = self._pending.get(name)
        if pending is None:
            self._unasked(recorded, name)
            return
        pending.known = True
        problem = pending.take(recorded)
        if problem is not None:
            self._diverge(recorded, problem)
        elif pending.over(event):
            self._close(name)

    def _unasked(self, recorded: Recorded, name: OperationId) -> None:
        given_up = self._given_up.get(name)
        if given_up is not None:
            given_up.known = True
            if isinstance(recorded.event, StepCancelled) or given_up.over(recorded.event):
                del self._given_up[name]
                self._withdrawn.pop(name, None)
            return
        if split_operation_id(name)[0] == self.chapter:
            self._diverge(recorded, None)

    def _attributes_set(self, recorded: Recorded) -> None:
        event = recorded.event
        assert isinstance(event, AttributesSet)
        if event.operation_id is not None:
            self._answer(recorded)
        self._attributes = _applied(self._attributes, event.changes)

    def _cancel_requested(self, recorded: Recorded) -> None:
        event = recorded.event
        assert isinstance(event, RunCancelRequested)
        if self._cancel is None and not event.force:
            self._cancel = event
            if self.main is not None:
                self.main.cancel()

    def _upgraded(self, recorded: Recorded) -> None:
        event = recorded.event
        assert isinstance(event, RunUpgraded)
        self.changes = frozenset(event.changes)

    def _completed(self, recorded: Recorded) -> None:
        if not self._settled:
            self._diverge(recorded, "the run had ended here, and the code goes on")

    def _diverge(self, recorded: Recorded, problem: str | None) -> None:
        self._fail(Diverged(divergence.describe(self, recorded, problem)), FailureKind.DIVERGENCE)

    def _fail(self, error: BaseException, kind: FailureKind) -> None:
        """End the run; no more user code runs."""
        if self._failure is None:
            self._failure = (error, kind)
        self.kill()

    def poison(self, error: EffectInWorkflow) -> None:
        """End the run because of a guard hit, whether or not the code catches it."""
        self._fail(error, FailureKind.USER)

    # -- what a delivery came to ----------------------------------------------------------------

    def _outcome(self) -> Outcome:
        if self._failure is not None:
            error, kind = self._failure
            return Failed(error=encoded(error), kind=kind)
        if self._restart is not None:
            self._withdraw_all()
            return Restarted(arguments=self._restart, **self._news())
        if self._settled:
            return self._end()
        if not self._can_wake():
            error = Deadlock(divergence.stuck(self))
            return Failed(error=encoded(error), kind=FailureKind.DEADLOCK)
        return Suspended(**self._news())

    def _end(self) -> Outcome:
        main = self.main
        assert main is not None
        self._withdraw_all()
        news = self._news()
        if main.cancelled():
            if self._cancel is not None:
                return Cancelled(reason=self._cancel.reason, **news)
            stray = asyncio.CancelledError("the workflow cancelled itself")
            return Failed(error=encoded(stray), kind=FailureKind.USER, **news)
        error = main.exception()
        if error is None:
            try:
                output = codec.encode(
                    main.result(),
                    path="the workflow's result",
                    annotation=self.template.result,
                    types=self.template.types,
                    limit=self._limits.payload,
                )
            except Exception as problem:  # noqa: BLE001 - a serialiser is user code
                error = problem
            else:
                return Completed(output=output, **news)
        return Failed(error=encoded(error), kind=_kind_of(error), **news)

    def _news(self) -> dict[str, tuple[Operation, ...]]:
        return {"asked": tuple(self._asked.values()), "withdrawn": tuple(self._withdrawn.values())}

    def _can_wake(self) -> bool:
        return any(pending.wakes for pending in self._pending.values())

    def _withdraw_all(self) -> None:
        for pending in [each for each in self._pending.values() if each.wakes]:
            self.withdraw(pending)

    # -- asking ---------------------------------------------------------------------------------

    def name(self, site: Site) -> OperationId:
        """Name the next operation at `site`."""
        occurrence = self._counters.get(site, 0)
        self._counters[site] = occurrence + 1
        if self.chapter == 1:
            return f"{site}#{occurrence}"  # type: ignore[return-value]  # `operation_id`, on a hot path
        return operation_id(site, occurrence, self.chapter)

    def answer_at_hand(self, name: OperationId) -> Ending | None:
        """Give the event that ends the operation `name` if it is the next one and nothing else is
        to run before it; it counts as delivered.

        Awaiting it would let the loop become idle and then deliver just this event, so the code may
        as well go on at once. A task that is about to be cancelled has to pass through the loop.
        """
        if self._cursor >= len(self._batch) or self.loop.ready:
            return None
        event: Any = self._batch[self._cursor].event
        if type(event) not in _ENDS or event.operation_id != name:
            return None
        task: Any = asyncio.current_task(self.loop)
        if task is None or task._must_cancel or self.position >= self._warn_at:  # noqa: SLF001 - asyncio's only sign
            return None
        return event  # type: ignore[no-any-return]  # one of `_ENDS`

    def take_at_hand(self) -> None:
        """Count the event given by `answer_at_hand` as delivered."""
        recorded = self._batch[self._cursor]
        self._cursor += 1
        self.position = recorded.position
        self._now = max(self._now, recorded.recorded_at)

    def ask(self, pending: Pending) -> None:
        """Open an operation. Raises `LimitExceeded`."""
        name = pending.operation.operation_id
        self.check_limits(name)
        self._pending[name] = pending
        if self._asked is _NONE:
            self._asked = {}
        self._asked[name] = pending.operation

    def _close(self, name: OperationId) -> None:
        del self._pending[name]
        self._asked.pop(name, None)

    def withdraw(self, pending: Pending) -> None:
        """Give an open operation up; what was never asked for beyond this turn leaves no trace."""
        name = pending.operation.operation_id
        if not self.alive or self._pending.get(name) is not pending:
            return
        self._close(name)
        if self._given_up is _NONE:
            self._given_up = {}
        self._given_up[name] = pending
        if pending.known or pending.position != self.position:
            if self._withdrawn is _NONE:
                self._withdrawn = {}
            self._withdrawn[name] = pending.operation

    def _at(self, name: OperationId) -> str:
        """Say where the code asks for an operation, as a sentence's end."""
        line = self.template.line_of(split_operation_id(name)[1])
        return f" At {line}." if line else ""

    def check_limits(self, asked: OperationId) -> None:
        """Raise `LimitExceeded` if the chapter is too long for one more, or too much is open."""
        if len(self._pending) >= self._limits.pending:
            raise LimitExceeded(
                f"run {self.run_id} waits for {len(self._pending)} operations at once, and the "
                f"limit is {self._limits.pending} ([tool.wfc.limits] pending_operations). Gather "
                f"in smaller groups.{self._at(asked)}"
            )
        if self.position < self._warn_at:
            return
        length = self.position - self._opening.position
        if length < self._limits.events:
            if not self._warned:
                self._warned = True
                self.say(
                    logging.WARNING,
                    f"the log of this chapter has {length} events; at {self._limits.events} the "
                    "run fails. Call `restart(...)` to begin a new chapter.",
                )
            return
        error = LimitExceeded(
            f"the log of run {self.run_id} has {length} events in this chapter, and the limit is "
            f"{self._limits.events} ([tool.wfc.limits] events). Call `restart(...)` in an endless "
            f"workflow.{self._at(asked)}"
        )
        if length >= self._limits.events + self._limits.cleanup:
            self._fail(error, FailureKind.LIMIT)
        raise error

    async def parked(self) -> Any:
        """Wait for ever: what operations of a dead execution do."""
        await self.loop.create_future()

    def call_step(
        self,
        definition: abi.Definition,
        frame: FrameType,
        arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
        captures: abi.Captures | None,
    ) -> Coroutine[Any, Any, Any]:
        """Ask for a step on behalf of the code in `frame`; see `wfc.runtime.steps`."""
        plan = self._plans.get(definition.id) or self.template.plan(definition)
        return plan.call(self, frame, arguments, captures)

    async def wait(
        self, name: OperationId, wake_at: int, place: Place | None
    ) -> WaitCompleted | None:
        """Wait durably until `wake_at`; None if that has passed, which records nothing."""
        if not self.alive:
            await self.parked()
        if wake_at <= self._now:
            await _step_aside()
            return None
        at_hand = self.answer_at_hand(name)
        if isinstance(at_hand, WaitCompleted):
            self.take_at_hand()
            return at_hand
        operation = WaitAsked(operation_id=name, wake_at=wake_at)
        answer: asyncio.Future[WaitCompleted] = self.loop.create_future()
        pending = PendingWait(operation, self.position, place, answer)
        self.ask(pending)
        try:
            return await answer
        except BaseException:
            self.withdraw(pending)
            raise

    def set_attributes(self, site: Site, changes: Mapping[str, Scalar | None]) -> None:
        """Ask for a change of attributes, which the code sees at once."""
        operation = AttributesAsked(operation_id=self.name(site), changes=dict(changes))
        self.ask(PendingAttributes(operation, self.position, None))

    def restart(self, arguments: bytes) -> None:
        """End this chapter; nothing of it runs any more, not even `finally`."""
        self._withdraw_all()
        self._restart = arguments
        self.kill()

    # -- the loop's port ------------------------------------------------------------------------

    def now_us(self) -> int:
        """Give the run clock: when the event being delivered was recorded."""
        return self._now

    def ask_timer(self, timer: RunTimer, wake_at: int, site: Site) -> None:
        """Make a durable wait that schedules `timer`."""
        if self.alive:
            operation = WaitAsked(operation_id=self.name(site), wake_at=wake_at)
            pending = PendingTimer(operation, self.position, timer, self.loop)
            self.ask(pending)
            timer.pending = pending

    def withdraw_timer(self, timer: RunTimer) -> None:
        """Give up the wait of a cancelled timer."""
        if timer.pending is not None:
            self.withdraw(timer.pending)

    def report(self, details: dict[str, Any]) -> None:
        """Log an error that nobody awaits, as asyncio's loops do."""
        error = details.get("exception")
        text = str(details.get("message") or "an error that nobody awaits")
        self.say(logging.ERROR, text if error is None else f"{text}: {error!r}", error)

    def refuse(self, method: str, group: str) -> NoReturn:
        """Refuse a method that the loop of a run does not have."""
        refusals.refuse_loop_method(method, group)

    # -- what shims read ------------------------------------------------------------------------

    @property
    def replaying(self) -> bool:
        """Tell whether the present turn ran before, so that its output was seen already."""
        heard_until = self.heard_until
        if heard_until is not None and (self.position <= heard_until or self._quiet_until is None):
            return self.position <= heard_until
        quiet_until = self._quiet_until or 0
        if self.position > quiet_until:
            return False
        if self._live_from is None:
            self._live_from = self._last_turn(quiet_until)
        return self.position < self._live_from

    def _last_turn(self, quiet_until: int) -> float:
        """Give the position of the last event of the recorded history that makes code run."""
        if self._batch and self._batch[-1].position < quiet_until:
            return math.inf  # more of the history follows in another delivery
        for each in reversed(self._batch):
            if each.position <= quiet_until and type(each.event) in _RUNNING:
                return each.position
        return self._opening.position

    def say(self, level: int, text: str, error: BaseException | None = None) -> None:
        """Write a live line of the run; a line that a replay makes again is dropped."""
        if self.alive and not self.replaying:
            _LOG.log(level, "%s", text, exc_info=error, extra=self.labels())

    def labels(self) -> dict[str, str]:
        """Give the extra fields of the run's log lines."""
        return {
            "run_id": self.run_id,
            "workflow": self.template.workflow,
            "version": self.template.version,
        }

    @property
    def payload_max(self) -> int:
        """Give the bytes that one value may take."""
        return self._limits.payload

    @property
    def attributes_max(self) -> int:
        """Give the number of attributes that the run may have."""
        return self._limits.attributes

    @property
    def attributes(self) -> dict[str, Scalar]:
        """The attributes of the log so far, with what the code has set since."""
        attributes = dict(self._attributes)
        for pending in self._pending.values():
            if isinstance(pending, PendingAttributes):
                attributes = _applied(attributes, pending.operation.changes)
        return attributes

    @property
    def begun(self) -> RunCreated | RunRestarted:
        """The event that began this chapter."""
        return self._begun

    @property
    def started_at(self) -> int:
        """When this chapter began."""
        return self._opening.recorded_at

    def draws(self, frame: FrameType, operation: str) -> Draws:
        """Give the generator for one call of `operation` by the code in `frame`."""
        if self._draws is None:
            self._draws = Draws(self._seed)
        return self._draws.at(self.name(site_of(frame, operation)))

    @property
    def open(self) -> dict[OperationId, Operation]:
        """What was asked for and is not answered."""
        return {name: pending.operation for name, pending in self._pending.items()}

    def operation(self, name: OperationId) -> Operation | None:
        """Give what was asked for under this name, if it is not answered."""
        pending = self._pending.get(name)
        return None if pending is None else pending.operation

    def waiting(self) -> list[Pending]:
        """List the open operations, for messages."""
        return list(self._pending.values())

    @property
    def settled(self) -> bool:
        """Whether the code has ended."""
        return self._settled


def encoded(error: BaseException) -> bytes:
    """Encode an error; one that cannot be is replaced by its type and text."""
    try:
        return codec.encode_error(error)
    except Exception as problem:  # noqa: BLE001 - its own attributes and `str` are user code
        kind = type(error)
        try:
            text = str(error)
        except Exception:  # noqa: BLE001 - likewise
            text = f"(its text cannot be had: {problem!r})"
        return codec.encode_error(StepError(f"{kind.__module__}:{kind.__qualname__}", text))


def _kind_of(error: BaseException) -> FailureKind:
    match error:
        case CodecError():
            return FailureKind.CODEC
        case LimitExceeded() | TurnTooLong():
            return FailureKind.LIMIT
    return FailureKind.USER


def _applied(
    attributes: Mapping[str, Scalar], changes: Mapping[str, Scalar | None]
) -> dict[str, Scalar]:
    merged = {**attributes, **changes}
    return {key: value for key, value in merged.items() if value is not None}


class _StepAside:
    """Let everything that is ready run first, as `asyncio.sleep(0)` does."""

    def __await__(self) -> Any:
        yield


async def _step_aside() -> None:
    await _StepAside()


_ENDS: Final = frozenset({StepCompleted, StepFailed, WaitCompleted})
_RUNNING: Final = frozenset({*_ENDS, RunCancelRequested})
_CHANGES: Final[dict[type[Event], Callable[[Execution, Recorded], None]]] = {
    **{
        kind: Execution._answer  # noqa: SLF001 - a table of its own methods
        for kind in EVENT_TYPES
        if kind.name.startswith(("step_", "wait_", "hook_", "child_"))
    },
    AttributesSet: Execution._attributes_set,  # noqa: SLF001 - likewise
    RunCancelRequested: Execution._cancel_requested,  # noqa: SLF001 - likewise
    RunUpgraded: Execution._upgraded,  # noqa: SLF001 - likewise
    RunCompleted: Execution._completed,  # noqa: SLF001 - likewise
}  # fmt: skip
