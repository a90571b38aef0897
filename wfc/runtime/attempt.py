"""One attempt: call the body of a step under its limits and turn what it does into an outcome."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import inspect
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from wfc import codec, fault
from wfc.clock import MICROSECONDS, to_datetime
from wfc.errors import (
    FatalError,
    OutsideWorkflow,
    StepError,
    StepTimeout,
    WfcError,
    WorkerStopped,
    text_of,
)
from wfc.eventlog.event import Scalar, StepCompleted, StepCreated, StepFailed, StepRetrying
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.policies import Policy
from wfc.runtime import context
from wfc.runtime.interrupts import is_from_user
from wfc.runtime.logbook import Logbook, Secretary
from wfc.runtime.metadata import WorkflowMetadata
from wfc.runtime.outlets import Outlets
from wfc.runtime.retry import (
    Closure,
    Matcher,
    RetryAfterError,
    Try,
    exhausted_note,
    next_attempt_at,
)
from wfc.runtime.threads import CarriedError, Threads
from wfc.runtime.writable import StreamName
from wfc.worlds.protocol import NewChunk, StreamWrite

_MAKING: Final = threading.Lock()
StepEnd = StepCompleted | StepFailed | StepRetrying
_T = TypeVar("_T")


class Body(Protocol):
    """The code of a step, ready to be called with recorded arguments."""

    name: str
    is_async: bool
    retry_on: Matcher
    give_up_on: Matcher
    version: VersionId | None  # None: the imported code

    def call(self, arguments: bytes | None) -> Any:
        """Decode the arguments and call the function; gives a coroutine if it is async."""
        ...

    def recorded(self, value: Any, limit: int = ...) -> bytes:
        """Encode what the function returned. Raises `Unserialisable` for what no run could read."""
        ...


class Bodies(Protocol):
    """Where bodies are found by the id of their step."""

    async def body(self, step: DefinitionId, version: VersionId, arguments: bytes | None) -> Body:
        """Give the body for a call that a run of `version` recorded.

        Raises `StepUnknown`, `VersionUnknown`, `BundleBroken` or `BuildTooNew`.
        """
        ...

    @property
    def version_id(self) -> VersionId:
        """The version of the imported code."""
        ...


class Scene(Protocol):
    """What a body may ask of the run it works for."""

    def workflow_metadata(self) -> WorkflowMetadata:
        """Describe the run."""
        ...

    async def set_attributes(
        self, changes: Mapping[str, Scalar | None], operation_id: OperationId
    ) -> None:
        """Write attributes on behalf of a step."""
        ...

    async def write_stream(
        self, call: Call, to: StreamName, chunks: Sequence[NewChunk], *, close: bool
    ) -> None:
        """Write to a stream on behalf of an attempt."""
        ...


class Process(Protocol):
    """A process of its own for a body."""

    async def run(self, call: Call, now: int) -> Ended:
        """Run the body of `call`, `now` on the world's clock. Raises `StepCrashed`."""
        ...


class Processes(Protocol):
    """Where processes for bodies are had from."""

    def lent(self) -> AbstractAsyncContextManager[Process]:
        """Lend a process, as soon as there is one; it is ended unless its body came to an end.

        Raises `StepCrashed` if it cannot be started.
        """
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """An attempt that is about to run, or runs. `closure` is the live body of a closure step."""

    run_id: RunId
    workflow: DefinitionId
    version: VersionId
    chapter: int
    operation_id: OperationId
    step: DefinitionId
    arguments: bytes | None
    policy: Policy
    attempt: int
    first_started_at: int
    started_at: int
    scene: Scene
    closure: Closure | None = None
    digest: bytes | None = None
    payload_max: int = codec.PAYLOAD_MAX
    begun_at: float = 0.0  # on the loop's clock
    given_up: bool = False
    over: bool = False  # its body has ended, so what it left behind speaks for it no more
    body_version: VersionId | None = None  # None: the imported code
    outlets: Outlets | None = None  # once it has written to a stream
    home: asyncio.AbstractEventLoop | None = None  # the worker's loop, if the body is elsewhere
    spent: int = 0  # attempts that an upgrade took back: they keep their numbers and count no more
    traceparent: str | None = None  # the span that the run was begun in
    secretary: Secretary | None = None  # who keeps its log lines, while it runs
    logbook: Logbook | None = None  # once it has logged
    loop: asyncio.AbstractEventLoop | None = None  # the worker's, of an attempt with a secretary

    @property
    def log_level(self) -> int | None:
        """Give the level from which on the attempt's log lines are kept, if they are."""
        return None if self.secretary is None else self.secretary.log_level

    def keep(self, record: logging.LogRecord) -> None:
        """Keep a log line of the body's, from whatever thread."""
        book = self.logbook
        if book is None:
            with _MAKING:
                secretary, loop = self.secretary, self.loop
                if secretary is None or loop is None:
                    return
                book = self.logbook
                if book is None:
                    step = self.operation_id, self.attempt
                    book = self.logbook = Logbook(step, secretary, loop)
        book.add(record)

    def last_lines(self) -> StreamWrite | None:
        """Keep no more lines, and give those that are not written."""
        self.secretary = None
        return None if self.logbook is None else self.logbook.rest()

    @property
    def counted(self) -> int:
        """Give how many attempts of the policy's are used up, this one included."""
        return self.attempt - self.spent

    @property
    def deadline(self) -> int | None:
        """The instant at which the attempt times out, if it does."""
        policy, ends = self.policy, []
        if policy.timeout_s is not None:
            ends.append(self.started_at + round(policy.timeout_s * MICROSECONDS))
        if policy.total_s is not None:
            ends.append(self.first_started_at + round(policy.total_s * MICROSECONDS))
        return min(ends, default=None)

    def workflow_metadata(self) -> WorkflowMetadata:
        """Describe the run, for `get_workflow_metadata` in a step."""
        return self.scene.workflow_metadata()

    async def set_attributes(self, changes: Mapping[str, Scalar | None]) -> None:
        """Write attributes of the run, for `set_attributes` in a step."""
        await self.scene.set_attributes(changes, self.operation_id)

    async def write_stream(
        self, to: StreamName, chunks: Sequence[NewChunk], *, close: bool = False
    ) -> None:
        """Write to a stream, for `Writable` in a step, from whatever loop its body is on."""
        work = self.scene.write_stream(self, to, chunks, close=close)
        if self.home is None:
            await work
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.home))

    def judged(self) -> Try:
        """Give the attempt in the words of `wfc.runtime.retry`."""
        return Try(
            run_id=self.run_id,
            operation_id=self.operation_id,
            attempt=self.counted,
            policy=self.policy,
            first_started_at=self.first_started_at,
        )


class Ended:
    """How an attempt ended; it becomes an event when it is known whether the step is recorded."""

    __slots__ = (
        "attempt", "counted", "failed", "lines", "payload", "retry_at", "started_at", "version"
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        payload: bytes,
        *,
        failed: bool = False,
        retry_at: int | None = None,
        counted: bool = True,
    ) -> None:
        """Keep the encoded output or error, and when to try again if at all."""
        self.attempt = call.attempt
        self.started_at = call.started_at
        self.payload = payload
        self.failed = failed
        self.retry_at = retry_at
        self.counted = counted
        self.version = call.body_version
        self.lines: StreamWrite | None = None
        """The log lines that are written with the outcome."""

    def event(
        self, operation_id: OperationId, version: VersionId, created: StepCreated | None
    ) -> StepEnd:
        """Give the event; `created` is the step's announcement if the log lacks it, `version` the
        one of the imported code.
        """
        version = self.version or version
        if self.retry_at is not None:
            return StepRetrying(
                operation_id=operation_id,
                attempt=self.attempt,
                error=self.payload,
                retry_at=self.retry_at,
                counted=self.counted,
                created=created,
            )
        if self.failed:
            return StepFailed(
                operation_id=operation_id,
                attempt=self.attempt,
                started_at=self.started_at,
                version=version,
                error=self.payload,
                created=created,
            )
        return StepCompleted(
            operation_id=operation_id,
            attempt=self.attempt,
            started_at=self.started_at,
            version=version,
            output=self.payload,
            created=created,
        )


# --- running a body ----------------------------------------------------------------------------


async def run_attempt(
    call: Call,
    bodies: Bodies,
    threads: Threads,
    now_us: Callable[[], int],
    processes: Processes | None = None,
) -> Ended:
    """Run the body of `call` to its end. Raises `CancelledError` only if it was given up, and
    what `Bodies.body` does if no code here can take the call: that is no outcome of the step.
    """
    context.attempt.set(call)
    if call.secretary is None:
        return await _attempted(call, bodies, threads, now_us, processes)
    call.loop = asyncio.get_running_loop()
    try:
        ended = await _attempted(call, bodies, threads, now_us, processes)
        call.secretary = None  # what a thread that was given up says later is kept by nobody
        if call.logbook is not None:
            ended.lines = await call.logbook.finish()
    finally:
        call.last_lines()
    return ended


async def _attempted(  # noqa: C901 - one branch per way to end
    call: Call,
    bodies: Bodies,
    threads: Threads,
    now_us: Callable[[], int],
    processes: Processes | None,
) -> Ended:
    body: Body | None = None
    if call.closure is None:
        body = await bodies.body(call.step, call.version, call.arguments)
        call.body_version = body.version
    try:
        fault.point("body.launched")
        if call.policy.isolation == "process":
            ended = await _elsewhere(call, body, processes, now_us)
        else:
            value = await _timed(call, body, _run(call, body, threads), now_us)
            ended = Ended(call, _recorded(value, call, body))
        fault.point("body.returned")
        call.over = True
        if call.outlets is not None:
            await call.outlets.finish()  # no outcome stands in the log before its last chunk
    except asyncio.CancelledError as error:
        call.over = True
        task = asyncio.current_task()
        if task is not None and task.cancelling() > 0:
            if call.outlets is not None:
                call.outlets.drop()
            raise
        problem: BaseException = _foreign(error)
    except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:
        if isinstance(error, KeyboardInterrupt) and is_from_user(error):
            raise  # it only struck here, and is meant for the whole process
        problem = _foreign(error)
    except BaseException as error:  # noqa: BLE001 - whatever a body raises is its outcome
        problem = error
    else:
        return ended
    call.over = True
    if call.outlets is not None:
        await _let_go(call.outlets)
    return _judge(call, body, problem, now_us())


async def _let_go(outlets: Outlets) -> None:
    """Bring what a failed body wrote to the disk, as far as that is possible."""
    with contextlib.suppress(WfcError):  # the body's own error is the one to tell
        await outlets.finish()


def stopped(call: Call, now: int) -> Ended:
    """Say that the worker was shut down in the midst of an attempt, which then does not count."""
    error = WorkerStopped(
        f"the worker was shut down during attempt {call.attempt} of step {call.step}; "
        "the attempt is repeated and not counted"
    )
    ended = Ended(call, codec.encode_error(error), failed=True, retry_at=now, counted=False)
    ended.lines = call.last_lines()
    return ended


def lost(call: Call, error: BaseException, now: int) -> Ended:
    """Say that an attempt vanished with its worker; the next one follows at once, if any is left.

    The pause between attempts spares what failed, and here it was not the step that failed.
    """
    if call.counted < call.policy.attempts:
        return Ended(call, codec.encode_error(error), failed=True, retry_at=now)
    return _exhausted(call, error)


async def _timed(
    call: Call, body: Body | None, work: Coroutine[Any, Any, _T], now_us: Callable[[], int]
) -> _T:
    """Await `work` until the attempt's deadline. Raises `StepTimeout` there."""
    deadline = call.deadline
    if deadline is None:
        return await work
    left_s = max(0.0, (deadline - now_us()) / MICROSECONDS)
    scope = asyncio.timeout(left_s)
    try:
        async with scope:
            return await work
    except TimeoutError:
        if not scope.expired():
            raise
        raise StepTimeout(
            f"step `{_name(call, body)}` ran longer than its policy allows "
            f"(attempt {call.counted} of {call.policy.attempts}, stopped after {left_s:g} s)"
        ) from None


async def _elsewhere(
    call: Call, body: Body | None, processes: Processes | None, now_us: Callable[[], int]
) -> Ended:
    """Run a body in a process of its own, which judges it: the error is whole only there."""
    if body is None or processes is None:
        why = (
            "its body is a closure of running code, which no other process can call by name"
            if body is None
            else "this worker was made without a project whose code a process could import"
        )
        raise FatalError(
            f'step `{_name(call, body)}` asks for `isolation="process"`, but {why}. Move the step '
            "to the top of its module and run it by a worker of the project (`wfc worker` or "
            '`runtime()`), or say `isolation="thread"`.'
        )
    async with processes.lent() as process:
        # Waiting for a process, and for its imports, is no work of the body's.
        call.started_at = now_us()
        return await _timed(call, body, process.run(call, now_us()), now_us)


def run_here(
    call: Call,
    body_of: Callable[[], Body],
    awaited: Callable[[Coroutine[Any, Any, Any]], Any],
    now_us: Callable[[], int],
) -> Ended:
    """Run the body of `call` in this very thread, as the process of a step does; whoever started
    the process keeps the deadline. `awaited` runs a coroutine to its end.
    """
    body: Body | None = None
    try:
        body = body_of()
        value = body.call(call.arguments)
        if inspect.iscoroutine(value):
            value = awaited(value)
        return Ended(call, _recorded(value, call, body))
    except (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit) as error:
        problem: BaseException = _foreign(error)
    except BaseException as error:  # noqa: BLE001 - whatever a body raises is its outcome
        problem = error
    return _judge(call, body, problem, now_us())


async def _run(call: Call, body: Body | None, threads: Threads) -> Any:
    if body is None:
        assert call.closure is not None
        return await call.closure.call()
    if body.is_async and call.policy.isolation != "thread":
        return await body.call(call.arguments)
    call.home = asyncio.get_running_loop()
    variables = contextvars.copy_context()
    work = _Work(body, call.arguments)
    answer = threads.submit(lambda: variables.run(work.run))
    try:
        return await answer
    except asyncio.CancelledError:
        if answer.cancelled():
            call.given_up = True
            work.cancel()
            threads.leak(answer, f"step `{body.name}` of run {call.run_id}")
        raise
    except CarriedError as carried:
        error = carried.error
    raise error


class _Work:
    """A body in a thread; an async one gets a loop of its own there."""

    def __init__(self, body: Body, arguments: bytes | None) -> None:
        self._body = body
        self._arguments = arguments
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def run(self) -> Any:
        value = self._body.call(self._arguments)
        if not inspect.iscoroutine(value):
            return value
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._task = self._loop.create_task(value)
            return self._loop.run_until_complete(self._task)

    def cancel(self) -> None:
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)


def _recorded(value: Any, call: Call, body: Body | None) -> bytes:
    if body is not None:
        return body.recorded(value, call.payload_max)
    return codec.encode(
        value, path=f"the result of step `{_name(call, body)}`", limit=call.payload_max
    )


def _foreign(error: BaseException) -> WfcError:
    """Stand in for an exception that would stop more than the step if it were raised again."""
    kind = type(error)
    name = f"{kind.__module__}:{kind.__qualname__}"
    stand_in = StepError(name, text_of(error) or "raised by the step itself")
    return stand_in.with_traceback(error.__traceback__)


def _judge(call: Call, body: Body | None, error: BaseException, now: int) -> Ended:
    rules = body or call.closure
    failed = Try(
        run_id=call.run_id,
        operation_id=call.operation_id,
        attempt=call.counted,
        policy=call.policy,
        retry_on=rules.retry_on if rules else Exception,
        give_up_on=rules.give_up_on if rules else (),
        retry_after=call.closure.retry_after if call.closure else None,
        first_started_at=call.first_started_at,
    )
    try:
        retry_at = next_attempt_at(failed, error, now)
    except RetryAfterError as broken:
        error.add_note(f"and its `retry_after` cannot be followed: {broken}")
        retry_at = None
    except Exception as broken:  # noqa: BLE001 - a predicate of the user's is code of the user's
        error.add_note(f"and `retry_on` or `give_up_on` of the policy raised {broken!r}")
        retry_at = None
    if retry_at is not None:
        return Ended(call, _encoded(error), failed=True, retry_at=retry_at)
    return _exhausted(call, error, _name(call, body))


def _exhausted(call: Call, error: BaseException, name: str | None = None) -> Ended:
    error.add_note(exhausted_note(name or _name(call, None), call.judged()))
    return Ended(call, _encoded(error), failed=True)


def _encoded(error: BaseException) -> bytes:
    return codec.encode_error(error, fatal=isinstance(error, FatalError))


def _name(call: Call, body: Body | None) -> str:
    return body.name if body else call.step.rpartition(":")[2]


# --- what a body may ask about itself ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetadata:
    """What a step may know about the attempt it runs in."""

    run_id: RunId
    workflow: DefinitionId
    chapter: int
    step_id: OperationId
    step: DefinitionId
    attempt: int
    attempts_max: int
    first_started_at: datetime
    deadline: datetime | None
    _call: Call = field(repr=False, compare=False)

    @property
    def idempotency_key(self) -> str:
        """32 hex digits, equal for all attempts of this step; different in a fork of the run."""
        name = f"{self.run_id}\0{self.step_id}".encode()
        return hashlib.blake2b(name, digest_size=16).hexdigest()

    def cancelled(self) -> bool:
        """Tell a body in a thread that nobody waits for it any more."""
        return self._call.given_up


def get_step_metadata() -> StepMetadata:
    """Describe the attempt that the calling step runs in. Raises `OutsideWorkflow` elsewhere."""
    call = context.attempt.get()
    if not isinstance(call, Call):
        raise OutsideWorkflow(
            "get_step_metadata() was called where no step of a run is being executed. Call it in "
            'the body of a function that starts with "use step", while a run executes it.'
        )
    return StepMetadata(
        run_id=call.run_id,
        workflow=call.workflow,
        chapter=call.chapter,
        step_id=call.operation_id,
        step=call.step,
        attempt=call.attempt,
        attempts_max=call.spent + call.policy.attempts,
        first_started_at=to_datetime(call.first_started_at),
        deadline=None if call.deadline is None else to_datetime(call.deadline),
        _call=call,
    )
