"""One attempt: what the body does becomes an outcome, and the body may ask about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.runtime.house import until
from wfc import codec, get_step_metadata, get_workflow_metadata, set_attributes
from wfc.errors import (
    FatalError,
    OutsideWorkflow,
    RetryableError,
    StepError,
    StepTimeout,
    StepUnknown,
    WorkerStopped,
)
from wfc.eventlog.event import StepCompleted, StepCreated, StepFailed, StepRetrying
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.policies import Policy
from wfc.runtime.attempt import Call, Ended, run_attempt, stopped
from wfc.runtime.retry import Closure
from wfc.runtime.threads import Threads

NOW = 1_900_000_000_000_000
VERSION = VersionId("0" * 16)


class OneBody:
    """Bodies of a worker that knows one function."""

    version_id = VERSION

    def __init__(self, function: Callable[[], Any] | None) -> None:
        self._function = function

    async def body(
        self,
        step: DefinitionId,
        version: VersionId,  # noqa: ARG002 - the form of the protocol
        arguments: bytes | None,  # noqa: ARG002 - likewise
    ) -> Any:
        function = self._function
        if function is None:
            raise StepUnknown(step)
        return SimpleNamespace(
            name="charge",
            is_async=asyncio.iscoroutinefunction(function),
            retry_on=Exception,
            give_up_on=(),
            version=None,
            call=lambda _arguments: function(),
            recorded=lambda value, limit: codec.encode(
                value, path="the result of step `charge`", limit=limit
            ),
        )


class Scene:
    def __init__(self) -> None:
        self.changes: list[Any] = []

    def workflow_metadata(self) -> Any:
        return "metadata"

    async def set_attributes(self, changes: Any, operation_id: OperationId) -> None:
        self.changes.append((changes, operation_id))


def call_of(**changes: Any) -> Call:
    policy = changes.pop("policy", Policy())
    return Call(
        **{
            "run_id": RunId("run_1"),
            "workflow": DefinitionId("m:flow"),
            "version": VERSION,
            "chapter": 1,
            "operation_id": OperationId("charge~1#0"),
            "step": DefinitionId("m:charge"),
            "arguments": b"",
            "policy": policy,
            "attempt": 1,
            "first_started_at": NOW,
            "started_at": NOW,
            "scene": Scene(),
        }
        | changes
    )


async def ended(function: Callable[[], Any] | None, **changes: Any) -> Ended:
    threads = Threads(2)
    try:
        return await asyncio.create_task(
            run_attempt(call_of(**changes), OneBody(function), threads, lambda: NOW)
        )
    finally:
        threads.close()


def error_of(outcome: Ended) -> BaseException:
    assert outcome.failed
    return codec.decode_error(outcome.payload)


async def test_a_result_is_recorded_and_an_error_retried() -> None:
    async def good() -> int:
        return 4

    async def bad() -> int:
        raise ConnectionError("no")

    assert codec.decode((await ended(good)).payload) == 4
    outcome = await ended(bad)
    assert outcome.retry_at is not None
    assert isinstance(error_of(outcome), ConnectionError)


async def test_the_frames_of_an_error_begin_with_the_body() -> None:
    async def bad() -> int:
        raise ConnectionError("no")

    for policy in (Policy(), Policy(isolation="thread")):
        outcome = await ended(bad, policy=policy)
        assert codec.read_error(outcome.payload).frames[0].function == "bad"


async def test_the_last_error_has_a_note() -> None:
    async def bad() -> int:
        raise FatalError("no")

    outcome = await ended(bad)
    assert outcome.retry_at is None
    assert any("attempt 1 of 3" in note for note in error_of(outcome).__notes__)
    assert codec.read_error(outcome.payload).fatal


class Leaves(GeneratorExit):
    """A user's own kind of what closes coroutines."""

    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), Leaves()],
)
async def test_what_would_stop_more_than_the_step_is_an_ordinary_failure(
    error: BaseException,
) -> None:
    async def bad() -> None:
        raise error

    def bad_in_a_thread() -> None:
        raise error

    for policy, body in (
        (Policy(), bad),
        (Policy(timeout_s=30), bad),
        (Policy(isolation="thread"), bad),
        (Policy(), bad_in_a_thread),
        (Policy(timeout_s=30), bad_in_a_thread),
    ):
        async with asyncio.timeout(5):
            outcome = await asyncio.create_task(ended(body, policy=policy))
        assert outcome.retry_at is not None
        assert isinstance(error_of(outcome), StepError)
        assert type(error).__name__ in str(error_of(outcome))


async def test_an_unknown_step_is_no_outcome() -> None:
    """Another worker may have the code, so nothing is judged here."""
    with pytest.raises(StepUnknown):
        await ended(None)


async def test_a_broken_predicate_ends_the_step_and_is_told() -> None:
    class Broken(OneBody):
        async def body(
            self, step: DefinitionId, version: VersionId, arguments: bytes | None
        ) -> Any:
            found = await super().body(step, version, arguments)
            found.retry_on = lambda error: error.missing
            return found

    async def bad() -> None:
        raise ConnectionError("no")

    outcome = await run_attempt(call_of(), Broken(bad), Threads(1), lambda: NOW)
    assert outcome.retry_at is None
    assert any("retry_on" in note for note in error_of(outcome).__notes__)


@pytest.mark.parametrize("asked", ["3 parsecs", -5])
async def test_a_retry_after_that_names_no_instant_is_told_by_its_name(asked: Any) -> None:
    """Raised in the body it is the error; set later it stands in the note, not `retry_on`."""

    async def raises() -> None:
        raise RetryableError("later", retry_after=asked)

    async def changes() -> None:
        error = RetryableError("later")
        error.retry_after = asked
        raise error

    outcome = await ended(raises)
    assert outcome.retry_at is not None
    assert isinstance(error_of(outcome), ValueError)
    assert "retry_after" in str(error_of(outcome))
    outcome = await ended(changes)
    assert outcome.retry_at is None
    notes = " ".join(error_of(outcome).__notes__)
    assert "`retry_after` cannot be followed" in notes
    assert "retry_on" not in notes


async def test_a_step_has_a_time_limit_and_its_own_timeouts_are_its_own() -> None:
    async def long() -> None:
        await asyncio.sleep(3600)

    async def own() -> None:
        raise TimeoutError("mine")

    limited = Policy(timeout_s=0.01)
    assert isinstance(error_of(await ended(long, policy=limited)), StepTimeout)
    assert type(error_of(await ended(own, policy=limited))) is TimeoutError


async def test_an_async_step_may_have_a_loop_of_its_own() -> None:
    host = asyncio.get_running_loop()

    async def apart() -> bool:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is host

    async def long() -> None:
        await asyncio.sleep(3600)

    thread = Policy(isolation="thread")
    assert codec.decode((await ended(apart, policy=thread)).payload) is False
    limited = Policy(isolation="thread", timeout_s=0.05)
    assert isinstance(error_of(await ended(long, policy=limited)), StepTimeout)


async def test_a_closure_step_runs_its_live_body() -> None:
    async def live() -> str:
        return "live"

    outcome = await ended(None, closure=Closure(call=live), arguments=None)
    assert codec.decode(outcome.payload) == "live"


async def test_a_given_up_attempt_has_no_outcome() -> None:
    async def long() -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(run_attempt(call_of(), OneBody(long), Threads(1), lambda: NOW))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_step_may_ask_who_it_is() -> None:
    async def asks() -> list[Any]:
        found = get_step_metadata()
        assert found.step == "m:charge"
        assert found.workflow == "m:flow"
        assert (found.attempt, found.attempts_max, found.chapter) == (2, 3, 1)
        assert found.first_started_at < found.deadline  # type: ignore[operator]  # it has one
        assert not found.cancelled()
        return [found.run_id, found.step_id, found.idempotency_key, get_workflow_metadata()]

    policy = Policy(timeout_s=60, total_s=90)
    first = await ended(asks, attempt=2, policy=policy)
    run_id, step_id, key, metadata = codec.decode(first.payload)
    assert (run_id, step_id, metadata) == ("run_1", "charge~1#0", "metadata")
    assert len(key) == 32
    assert int(key, 16) >= 0
    other = codec.decode((await ended(asks, attempt=2, policy=policy, run_id=RunId("x"))).payload)
    assert other[2] != key


def test_outside_of_steps_there_is_nothing_to_ask() -> None:
    with pytest.raises(OutsideWorkflow, match="use step"):
        get_step_metadata()


async def test_a_thread_may_ask_too_and_hears_that_it_was_given_up() -> None:
    heard: list[bool] = []

    def waits() -> None:
        found = get_step_metadata()
        while not found.cancelled():
            pass
        heard.append(True)

    threads = Threads(1)
    limited = call_of(policy=Policy(timeout_s=0.01))
    outcome = await run_attempt(limited, OneBody(waits), threads, lambda: NOW)
    assert isinstance(error_of(outcome), StepTimeout)
    await until(lambda: bool(heard))
    threads.close()


async def test_a_step_sets_attributes_of_its_run() -> None:
    async def writes() -> None:
        await set_attributes({"tier": "free"})

    scene = Scene()
    await ended(writes, scene=scene)
    assert scene.changes == [({"tier": "free"}, "charge~1#0")]


def test_an_end_becomes_the_event_that_fits() -> None:
    call = call_of(attempt=2)
    created = StepCreated(operation_id=call.operation_id, step=call.step, policy=call.policy)
    done = Ended(call, b"x").event(call.operation_id, VERSION, created)
    assert isinstance(done, StepCompleted)
    assert (done.attempt, done.output, done.created) == (2, b"x", created)
    failed = Ended(call, b"x", failed=True).event(call.operation_id, VERSION, None)
    assert isinstance(failed, StepFailed)
    again = stopped(call, NOW).event(call.operation_id, VERSION, None)
    assert isinstance(again, StepRetrying)
    assert not again.counted
    assert isinstance(codec.decode_error(again.error), WorkerStopped)
