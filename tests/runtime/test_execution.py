"""The interpreter: delivery in log order, divergence, cancellation, the end of the body, limits."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from tests.runtime.histories import (
    SEED,
    START_US,
    Log,
    announced,
    created,
    describe,
    output_of,
    template_of,
)
from wfc import codec
from wfc.clock import to_datetime
from wfc.errors import EffectInWorkflow, Unserialisable
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    HookReceived,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunRestarted,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    StepCancelled,
    StepCompleted,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.runtime.execution import Execution
from wfc.runtime.limits import Limits
from wfc.runtime.metadata import Woke, WorkflowMetadata
from wfc.runtime.operations import (
    Cancelled,
    Completed,
    Failed,
    Restarted,
    StepAsked,
    Suspended,
    WaitAsked,
)

CHAIN = """
async def flow(n: int):
    "use workflow"
    total = 0
    for i in range(n):
        total = await add(total, i)
    return total
"""
WORKER = WorkerId("worker_1")


def failure(outcome: object) -> tuple[FailureKind, BaseException]:
    """Give the kind and the error of a failed outcome."""
    assert isinstance(outcome, Failed), outcome
    return outcome.kind, codec.decode_error(outcome.error)


# --- asking and answering ----------------------------------------------------------------------


def test_no_code_runs_before_the_first_delivery() -> None:
    """Making an execution is free; the first delivery starts the code, even an empty one."""
    log = Log(template_of(CHAIN), 2)
    assert log.execution.open == {}
    outcome = log.execution.deliver([])
    assert isinstance(outcome, Suspended)
    assert [type(each) for each in outcome.asked] == [StepAsked]


def test_a_chain_of_steps() -> None:
    """Each outcome asks for the next step, and the last one ends the run."""
    log = Log(template_of(CHAIN), 3)
    assert output_of(log.run()) == 3
    assert log.execution.ended
    assert len(log.recorded) == 4


def test_what_is_asked_says_all_that_a_worker_needs() -> None:
    """The step, its arguments by name with defaults left off, their digest, its policy."""
    log = Log(
        template_of("""
from wfc import policy

@policy(attempts=5)
async def pay(order: str, cents: int = 5, *, note: str = "none") -> str:
    "use step"

async def flow():
    "use workflow"
    await pay("o-1", note="x")
""")
    )
    (asked,) = log.start().asked
    assert isinstance(asked, StepAsked)
    assert asked.step == "app:pay"
    assert log.arguments(asked) == {"order": "o-1", "note": "x"}
    assert asked.policy == {"attempts": 5}
    assert asked.digest is not None
    assert asked.operation_id.startswith("pay~")
    assert asked.operation_id.endswith("#0")


def test_asked_is_what_became_open_in_this_delivery() -> None:
    """A later delivery does not repeat it; a fresh execution says all that is open."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    await asyncio.gather(add(1), double(2), say("x"))
""")
    )
    assert len(log.start().asked) == 3
    assert log.deliver(log.completed("add", 2)).asked == ()
    assert [each.operation_id[:3] for each in log.replay().asked] == ["dou", "say"]


def test_the_run_clock_is_that_of_the_event_being_delivered() -> None:
    """It stands still within a turn and moves with the log."""
    log = Log(
        template_of("""
from datetime import UTC, datetime

async def flow():
    "use workflow"
    first = datetime.now(UTC)
    await add(1)
    again = datetime.now(UTC)
    await asyncio.sleep(0)
    return [first, again, datetime.now(UTC)]
""")
    )
    log.start()
    begun = log.recorded[0].recorded_at
    outcome = log.deliver(log.completed("add", 2), after_us=5_000_000)
    first, again, last = output_of(outcome)
    assert first == to_datetime(begun)
    assert again == last == to_datetime(begun + 5_000_000)


@pytest.mark.parametrize(("woken", "begins"), [(False, 60_000_000), (True, 2000)])
def test_a_delayed_run_begins_when_it_was_due_or_woken(*, woken: bool, begins: int) -> None:
    """Its clock at the start is not that of its creation."""
    log = Log(
        template_of("""
from datetime import UTC, datetime

async def flow():
    "use workflow"
    return datetime.now(UTC)
"""),
        not_before=START_US + 60_000_000,
    )
    if woken:
        log.write(RunWoken())
    assert output_of(log.start()) == to_datetime(START_US + begins)


def test_events_that_say_nothing_to_the_code_are_followed() -> None:
    """Announcements, starts, retries, pauses: the code waits on."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    asked = log.named("add")
    assert isinstance(asked, StepAsked)
    name = asked.operation_id
    retrying = StepRetrying(
        operation_id=name, attempt=1, error=b"", retry_at=0, created=created(asked)
    )
    events: list[Event] = [
        RunStarted(worker_id=WORKER),
        created(asked),
        StepStarted(operation_id=name, attempt=1, worker_id=WORKER),
        retrying,
        replace(retrying, created=None),
        RunPaused(),
        RunUnpaused(),
        RunWoken(),
    ]
    for event in events:
        outcome = log.deliver(event)
        assert isinstance(outcome, Suspended), event
        assert (outcome.asked, outcome.withdrawn) == ((), ())
    done = log.completed(asked, 0)
    assert isinstance(done, StepCompleted)
    assert output_of(log.deliver(replace(done, created=None))) == 0
    assert output_of(log.replay()) == 0


def test_a_failed_step_raises_its_own_class() -> None:
    """Also one that the workflow's module defines, with its arguments and notes."""
    template = template_of("""
class TooPoor(Exception):
    pass

async def flow():
    "use workflow"
    try:
        await add(1)
    except TooPoor as error:
        return [error.args, error.__notes__]
""")
    log = Log(template)
    log.start()
    error = template.loaded.modules["app"].TooPoor("o-1", 5)
    error.add_note("step `add` failed, attempt 3 of 3")
    outcome = log.deliver(log.failed("add", error))
    assert output_of(outcome) == [("o-1", 5), ["step `add` failed, attempt 3 of 3"]]


def test_the_error_of_the_body_is_the_error_of_the_run() -> None:
    """Kind user, and the class where it can be made again."""
    kind, error = failure(
        Log(
            template_of("""
async def flow():
    "use workflow"
    raise LookupError("nothing")
""")
        ).start()
    )
    assert (kind, type(error), error.args) == (FailureKind.USER, LookupError, ("nothing",))


def test_an_output_that_cannot_be_recorded_fails_the_run() -> None:
    """Kind codec, naming the place."""
    kind, error = failure(
        Log(
            template_of("""
async def flow():
    "use workflow"
    return {"key": [lambda: 1]}
""")
        ).start()
    )
    assert kind is FailureKind.CODEC
    assert "key" in str(error)


def test_arguments_that_do_not_fit_any_more_fail_the_run() -> None:
    """Kind codec, before any code of the body runs."""
    log = Log(template_of(CHAIN), "three")
    kind, error = failure(log.start())
    assert kind is FailureKind.CODEC
    assert "`n`" in str(error)
    assert log.execution.ended
    log.execution.drop()


def test_an_argument_that_cannot_be_recorded_is_the_callers_error() -> None:
    """It can be caught, and names step, argument and place."""
    outcome = Log(
        template_of("""
async def flow():
    "use workflow"
    try:
        await say([print])
    except Exception as error:
        return [type(error).__name__, str(error)]
""")
    ).start()
    name, text = output_of(outcome)
    assert name == "Unserialisable"
    assert "say" in text
    assert "text" in text


def test_wrong_arguments_are_a_type_error_at_the_call() -> None:
    """As of any Python function."""
    outcome = Log(
        template_of("""
async def flow():
    "use workflow"
    try:
        await add()
    except TypeError as error:
        return str(error)
""")
    ).start()
    assert output_of(outcome) == "add(): missing a required argument: 'left'"


# --- divergence --------------------------------------------------------------------------------


def test_an_answer_to_what_was_not_asked_is_a_divergence() -> None:
    """It names event, position, the recorded call, and what was asked instead, with lines."""
    old, new = (
        template_of(CHAIN),
        template_of(CHAIN.replace("await add(total, i)", "1 + await double(total)")),
    )
    log = Log(old, 2)
    log.start()
    log.deliver(log.completed("add", 0))
    log.template = new
    kind, error = failure(log.replay())
    text = str(error)
    assert kind is FailureKind.DIVERGENCE
    assert "event 2 (step_completed of add~" in text
    assert "a call of app:add" in text
    assert "is not in this version" in text
    assert "asked instead: step app:double as double~" in text
    assert "app.py>:" in text or "app.py:" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"digest": b"other"}, "app:add was recorded with other arguments"),
        ({"step": DefinitionId("app:sub")}, "the step app:sub was recorded"),
    ],
)
def test_another_callee_or_other_arguments_are_a_divergence(
    change: dict[str, Any], words: str
) -> None:
    """Whichever event carries the recorded call."""
    for form in ("completed", "created", "retrying"):
        log = Log(template_of(CHAIN), 1)
        log.start()
        asked = log.named("add")
        assert isinstance(asked, StepAsked)
        call = replace(created(asked), **change)
        done = log.completed(asked, 0)
        assert isinstance(done, StepCompleted)
        event: Event = {
            "completed": replace(done, created=call),
            "created": call,
            "retrying": StepRetrying(
                operation_id=asked.operation_id, attempt=1, error=b"", retry_at=0, created=call
            ),
        }[form]
        for outcome in (log.deliver(event), log.replay()):
            kind, error = failure(outcome)
            assert kind is FailureKind.DIVERGENCE
            assert words in str(error)
            assert "is app.py:" in str(error)
            assert (outcome.asked, outcome.withdrawn) == ((), ())


def test_operations_without_a_digest_are_not_compared() -> None:
    """Closure steps have none."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    done = log.completed("add", 7)
    assert isinstance(done, StepCompleted)
    assert done.created is not None
    event = replace(done, created=replace(done.created, digest=None, arguments=None))
    assert output_of(log.deliver(event)) == 7


def test_another_kind_under_the_same_name_is_a_divergence() -> None:
    """A wait where a step was asked for, and the other way round."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    name = log.named("add").operation_id
    kind, error = failure(log.deliver(WaitCompleted(operation_id=name, cause=WaitCause.ELAPSED)))
    assert kind is FailureKind.DIVERGENCE
    assert "another kind" in str(error)
    sleeper = Log(template_of('async def flow():\n    "use workflow"\n    await sleep(5)\n'))
    sleeper.start()
    name = sleeper.named("sleep").operation_id
    step = StepStarted(operation_id=name, attempt=1, worker_id=WORKER)
    assert failure(sleeper.deliver(step))[0] is FailureKind.DIVERGENCE


def test_an_answer_after_the_end_is_a_divergence() -> None:
    """The code ended first."""
    log = Log(template_of(CHAIN), 2)
    log.start()
    log.deliver(log.completed("add", 0))
    second = log.completed("add", 1)
    ended = Log(template_of(CHAIN), 1)
    ended.start()
    assert isinstance(ended.deliver(ended.completed("add", 0)), Completed)
    assert isinstance(second, StepCompleted)
    name = OperationId(second.operation_id)
    kind, error = failure(ended.deliver(replace(second, operation_id=name)))
    assert kind is FailureKind.DIVERGENCE
    assert "the code ended before it asked for this" in str(error)
    assert "asked instead: nothing" in str(error)


def test_a_run_that_had_ended_where_the_code_goes_on_diverged() -> None:
    """A recorded end is an answer too."""
    log = Log(template_of(CHAIN), 2)
    log.start()
    kind, error = failure(log.deliver(RunCompleted(output=b"")))
    assert kind is FailureKind.DIVERGENCE
    assert "the run had ended here" in str(error)


def test_a_hook_that_nobody_made_is_a_divergence() -> None:
    """Kinds of operations that this code cannot ask for were not asked for."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    event = HookReceived(operation_id=OperationId("hook#0"), receipt_id="1", payload=b"")
    kind, error = failure(log.deliver(event))
    assert kind is FailureKind.DIVERGENCE
    assert "an operation with the event hook_received" in str(error)


def test_a_long_list_of_what_was_asked_instead_is_cut() -> None:
    """Five are enough."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    await asyncio.gather(sleep(5), set_attributes({"a": 1}), *(add(n) for n in range(8)))
""")
    )
    log.start()
    event = StepCancelled(operation_id=OperationId("sub#0"), attempt=1)
    text = str(failure(log.deliver(event))[1])
    assert "asked instead: a wait as sleep~" in text
    assert "asked instead: attributes as set_attributes~" in text
    assert "and 5 more" in text


def test_a_step_that_the_log_cancelled_and_the_code_awaits_is_a_divergence() -> None:
    """The recorded code gave it up, this one did not."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    event = StepCancelled(operation_id=log.named("add").operation_id, attempt=1)
    assert failure(log.deliver(event))[0] is FailureKind.DIVERGENCE


def test_a_diverged_execution_says_so_again() -> None:
    """More events change nothing."""
    log = Log(template_of(CHAIN), 2)
    log.start()
    log.deliver(RunCompleted(output=b""))
    assert failure(log.deliver(log.completed("add", 0)))[0] is FailureKind.DIVERGENCE


# --- cancellation ------------------------------------------------------------------------------

CLEANUP = """
async def flow():
    "use workflow"
    try:
        await asyncio.gather(add(1), sleep(60))
    finally:
        await say("undo")
        await asyncio.sleep(2)
"""


def test_a_cancelled_run_may_clean_up_by_steps_and_sleeps() -> None:
    """The request cancels the main task once; what it awaited is withdrawn."""
    log = Log(template_of(CLEANUP))
    log.start()
    outcome = log.deliver(RunCancelRequested(reason="enough"))
    assert isinstance(outcome, Suspended)
    assert [each.operation_id.partition("~")[0] for each in outcome.withdrawn] == ["add", "sleep"]
    assert isinstance(log.deliver(RunCancelRequested(reason="again")), Suspended)
    log.deliver(log.completed("say", "undo"))
    outcome = log.deliver(log.completed("sleep"))
    assert outcome == Cancelled(reason="enough")
    replayed = log.replay()
    assert isinstance(replayed, Cancelled)
    assert [each.operation_id[:3] for each in replayed.withdrawn] == ["add", "sle"]


def test_ends_of_withdrawn_operations_are_ignored() -> None:
    """Outcomes that come late, cancellations, abandoned waits; and then they are known."""
    log = Log(template_of(CLEANUP))
    log.start()
    step, wait = log.named("add"), log.named("sleep")
    late = log.completed(step, 2)
    log.deliver(announced(step), announced(wait), RunCancelRequested())
    assert isinstance(
        log.deliver(StepCancelled(operation_id=step.operation_id, attempt=1)), Suspended
    )
    abandoned = WaitCompleted(operation_id=wait.operation_id, cause=WaitCause.ABANDONED)
    assert isinstance(log.deliver(abandoned), Suspended)
    replayed = log.replay()
    assert replayed.withdrawn == ()
    other = Log(template_of(CLEANUP))
    other.start()
    other.deliver(RunCancelRequested())
    assert isinstance(other.deliver(late), Suspended)


def test_a_body_may_return_after_all() -> None:
    """Then the run is completed; another error fails it."""
    program = """
async def flow(how: str):
    "use workflow"
    try:
        await add(1)
    except asyncio.CancelledError:
        if how == "return":
            return "done anyway"
        raise ValueError("broken cleanup")
"""
    log = Log(template_of(program), "return")
    log.start()
    assert output_of(log.deliver(RunCancelRequested())) == "done anyway"
    log = Log(template_of(program), "raise")
    log.start()
    kind, error = failure(log.deliver(RunCancelRequested()))
    assert (kind, type(error)) == (FailureKind.USER, ValueError)


def test_a_run_cancelled_before_it_began_runs_to_its_first_await() -> None:
    """As a task that is cancelled before its first step would not: it began by then."""
    log = Log(template_of(CLEANUP))
    log.write(RunCancelRequested(reason="early"))
    assert isinstance(log.start(), Suspended)
    assert log.named("say")


def test_a_forced_cancel_runs_no_code() -> None:
    """The world has ended the run; the execution only follows."""
    log = Log(template_of(CLEANUP))
    log.start()
    outcome = log.deliver(RunCancelRequested(force=True), RunCancelled(forced=True))
    assert isinstance(outcome, Suspended)
    assert outcome.withdrawn == ()


def test_a_workflow_that_cancels_itself_has_failed() -> None:
    """Nobody asked for it from outside."""
    kind, error = failure(
        Log(
            template_of("""
async def flow():
    "use workflow"
    asyncio.current_task().cancel()
    await add(1)
""")
        ).start()
    )
    assert kind is FailureKind.USER
    assert "cancelled itself" in str(error)


# --- the end of the body -----------------------------------------------------------------------


def test_tasks_left_over_are_cancelled_and_awaited() -> None:
    """They may clean up by steps; then the run ends with what the body returned."""
    log = Log(
        template_of("""
async def background():
    try:
        await add(1)
    finally:
        await asyncio.gather(say("bye"), say("and bye"))

async def flow():
    "use workflow"
    asyncio.create_task(background())
    await double(1)
    return "body"
""")
    )
    log.start()
    outcome = log.deliver(log.completed("double", 2))
    assert isinstance(outcome, Suspended)
    assert [each.operation_id[:4] for each in outcome.withdrawn] == ["add~"]
    first, second = log.execution.open.values()
    log.deliver(log.completed(first, "bye"))
    assert output_of(log.deliver(log.completed(second, "bye"))) == "body"
    assert output_of(log.replay()) == "body"


def test_a_left_task_that_refuses_to_end_does_not_hold_the_run() -> None:
    """Nothing could ever wake it."""
    assert (
        output_of(
            Log(
                template_of("""
async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def flow():
    "use workflow"
    asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    return 1
""")
            ).start()
        )
        == 1
    )


def test_what_is_asked_and_given_up_in_one_turn_leaves_no_trace() -> None:
    """No body was launched, no log mentions it."""
    outcome = Log(
        template_of("""
async def flow():
    "use workflow"
    task = asyncio.create_task(add(1))
    await asyncio.sleep(0)
    task.cancel()
    return 1
""")
    ).start()
    assert outcome.withdrawn == ()
    assert outcome.asked == ()
    assert output_of(outcome) == 1


def test_steps_of_left_tasks_are_withdrawn() -> None:
    """The terminal outcome says so, so that their bodies are stopped."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    task = asyncio.create_task(add(1))
    await double(1)
    return 1
""")
    )
    log.start()
    outcome = log.deliver(log.completed("double", 2))
    assert isinstance(outcome, Completed)
    assert [each.operation_id[:4] for each in outcome.withdrawn] == ["add~"]


def test_attributes_that_are_not_yet_written_go_with_the_end() -> None:
    """Nobody waits for them, but they are not lost."""
    outcome = Log(
        template_of("""
async def flow():
    "use workflow"
    await set_attributes({"state": "done"})
    return get_workflow_metadata().attributes
""")
    ).start()
    assert isinstance(outcome, Completed)
    assert [each.operation_id[:14] for each in outcome.asked] == ["set_attributes"]
    assert output_of(outcome) == {"state": "done"}


def test_a_run_that_waits_for_nothing_is_deadlocked() -> None:
    """With the stack of every task; a cancel request may still wake it."""
    log = Log(
        template_of("""
async def lost():
    await asyncio.Event().wait()

async def flow():
    "use workflow"
    await set_attributes({"a": 1})
    await asyncio.create_task(lost(), name="the lost one")
""")
    )
    kind, error = failure(log.start())
    assert kind is FailureKind.DEADLOCK
    assert "the lost one waits at" in str(error)
    assert "in lost" in str(error)
    assert "in flow" in str(error)
    assert log.execution.ended
    assert isinstance(log.deliver(RunCancelRequested()), Cancelled)


def test_system_exit_fails_the_run_and_not_the_worker() -> None:
    """Raised by user code in the main task or below."""
    for body in ("raise SystemExit(3)", "await asyncio.create_task(bye())"):
        kind, error = failure(
            Log(
                template_of(f"""
async def bye():
    raise SystemExit(3)

async def flow():
    "use workflow"
    {body}
""")
            ).start()
        )
        assert kind is FailureKind.USER
        assert "SystemExit" in str(error) or isinstance(error, SystemExit)


def test_a_keyboard_interrupt_is_the_hosts() -> None:
    """It goes through, and the execution is dead."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    raise KeyboardInterrupt
""")
    )
    with pytest.raises(KeyboardInterrupt):
        log.start()
    assert not log.execution.alive


def test_a_later_fact_does_not_change_an_end() -> None:
    """An append that was refused because the log went on is made again."""
    log = Log(template_of(CHAIN), 0)
    first = log.start()
    assert log.deliver(RunCancelRequested(), AttributesSet(changes={"a": 1})) == first


# --- limits ------------------------------------------------------------------------------------


def test_too_many_events_raise_in_the_code_which_may_clean_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A warning at 80 %, then the error, then a few events for cleanup, then the end."""
    program = """
async def flow(cleanup: int):
    "use workflow"
    count = 0
    try:
        while True:
            await add(count)
            count += 1
    finally:
        for n in range(cleanup):
            try:
                await say(str(n))
            except Exception:
                pass
"""
    limits = Limits(events=20, cleanup=5, pending=10)
    log = Log(template_of(program), 0, limits=limits)
    with caplog.at_level(logging.WARNING):
        kind, error = failure(log.run())
    assert kind is FailureKind.LIMIT
    assert "20 events" in str(error)
    assert "restart" in caplog.text
    assert failure(log.replay())[0] is FailureKind.LIMIT
    kind, error = failure(Log(template_of(program), 100, limits=limits).run())
    assert kind is FailureKind.LIMIT


def test_too_many_open_operations_raise_in_the_code() -> None:
    """The error names limit and value."""
    kind, error = failure(
        Log(
            template_of("""
async def flow():
    "use workflow"
    await asyncio.gather(*(add(n) for n in range(20)))
"""),
            limits=Limits(pending=10),
        ).start()
    )
    assert kind is FailureKind.LIMIT
    assert "10" in str(error)


# --- chapters and upgrades ---------------------------------------------------------------------


def test_a_chapter_begins_with_an_empty_history() -> None:
    """Its operations carry its number, and events of earlier chapters' operations are ignored."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    old = log.named("add")
    payload, _ = codec.encode_arguments({"n": 1}, call="restart")
    opening = log.write(
        RunRestarted(
            chapter=2,
            arguments=payload,
            seed=SEED,
            version=log.template.version,
            fingerprint=log.template.fingerprint,
        )
    )
    execution = Execution(log.template, RunId("run_1"), opening)
    (asked,) = execution.deliver([opening]).asked
    assert asked.operation_id == f"2:{old.operation_id}"
    late = log.write(log.completed(old, 0))
    assert isinstance(execution.deliver([late]), Suspended)
    done = log.write(log.completed(asked, 5))
    assert output_of(execution.deliver([done])) == 5


UNREADABLE = [
    ("return HTTPStatus.OK", "the workflow's result"),
    ("return await say([HTTPStatus.OK])", "step `say()` argument `text`: `[0]`"),
    ("await restart([HTTPStatus.OK])", "restart(...) argument `what`: `[0]`"),
]


@pytest.mark.parametrize(("line", "place"), UNREADABLE)
def test_what_nobody_could_read_fails_where_it_is_written(line: str, place: str) -> None:
    """And nothing of it is asked for."""
    program = f"""
    from http import HTTPStatus

    async def flow(what):
        "use workflow"
        {line}
    """
    outcome = Log(template_of(program), 1).start()
    assert isinstance(outcome, Failed)
    error = codec.decode_error(outcome.error)
    assert isinstance(error, Unserialisable)
    assert str(error).startswith(f"{place} is a http.HTTPStatus, which no reader may make.")


def test_what_annotations_name_is_written() -> None:
    """Readers look there too."""
    program = """
    from http import HTTPStatus

    async def ask(status: HTTPStatus, *more: HTTPStatus) -> None:
        "use step"

    async def flow() -> HTTPStatus:
        "use workflow"
        await ask(HTTPStatus.OK, HTTPStatus.OK)
        return HTTPStatus.OK
    """
    log = Log(template_of(program))
    log.start()
    outcome = log.deliver(log.completed("ask"))
    assert isinstance(outcome, Completed), outcome
    assert codec.decode(outcome.output, annotation=HTTPStatus) is HTTPStatus.OK


def test_what_wfc_says_of_a_run_is_a_value() -> None:
    program = """
    async def flow():
        "use workflow"
        return [await sleep(1), get_workflow_metadata()]
    """
    woke, metadata = output_of(Log(template_of(program)).run())
    assert (type(woke), type(metadata)) == (Woke, WorkflowMetadata)


def test_restart_ends_the_chapter_without_finally() -> None:
    """New arguments by name; what was open is withdrawn; nothing runs after it."""
    log = Log(
        template_of("""
async def flow(n: int, step: int = 1):
    "use workflow"
    task = asyncio.create_task(add(n))
    await double(n)
    try:
        await restart(n + step, step=5)
    finally:
        print("never")
        await say("never")
"""),
        1,
    )
    log.start()
    outcome = log.deliver(log.completed("double", 2))
    assert isinstance(outcome, Restarted)
    assert codec.decode_arguments(outcome.arguments, {}) == {"n": 2, "step": 5}
    assert [each.operation_id[:4] for each in outcome.withdrawn] == ["add~"]
    assert log.execution.ended
    assert isinstance(log.deliver(AttributesSet(changes={"a": 1})), Restarted)


def test_an_opening_is_needed() -> None:
    """Other events begin nothing."""
    log = Log(template_of(CHAIN), 1)
    started = log.write(RunStarted(worker_id=WORKER))
    with pytest.raises(TypeError, match="run_started"):
        Execution(log.template, RunId("run_1"), started)


def test_an_upgrade_changes_what_markers_say() -> None:
    """From that position on."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    before = [changed("old"), changed("new")]
    await add(1)
    return before + [changed("old"), changed("new")]
"""),
        changes=("old",),
    )
    log.start()
    upgraded = RunUpgraded(
        from_version=VersionId("a"),
        to_version=VersionId("b"),
        fingerprint="f",
        changes=("old", "new"),
    )
    log.deliver(upgraded)
    assert output_of(log.deliver(log.completed("add", 1))) == [True, False, True, True]


def test_a_failed_run_that_was_reopened_goes_on() -> None:
    """`run_failed` and `run_upgraded` in the history are followed."""
    log = Log(template_of(CHAIN), 1)
    log.start()
    upgraded = RunUpgraded(from_version=VersionId("a"), to_version=VersionId("b"), fingerprint="f")
    log.deliver(RunFailed(error=b"", kind=FailureKind.LIMIT), upgraded)
    assert output_of(log.deliver(log.completed("add", 1))) == 1


# --- guards ------------------------------------------------------------------------------------


def test_a_guard_hit_poisons_the_run() -> None:
    """Caught or not, the run has failed, nothing else is written, and no more code runs."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    await set_attributes({"a": 1})
    try:
        open("/etc/passwd")
    except BaseException:
        print("caught")
    await add(1)
""")
    )
    outcome = log.start()
    kind, error = failure(outcome)
    assert kind is FailureKind.USER
    assert isinstance(error, EffectInWorkflow)
    assert error.guard == "WFC202"
    assert (outcome.asked, outcome.withdrawn) == ((), ())
    assert not log.execution.alive


def test_waits_are_opened_and_answered() -> None:
    """`wait_created` says nothing new; `wait_completed` wakes, also when resolved at hand."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    return [(await sleep(1)).early, (await sleep(2)).early]
""")
    )
    log.start()
    first = log.named("sleep")
    assert isinstance(first, WaitAsked)
    assert log.deliver(WaitCreated(operation_id=first.operation_id, wake_at=1)).asked == ()
    log.deliver(WaitCompleted(operation_id=first.operation_id, cause=WaitCause.WOKEN))
    outcome = log.deliver(log.completed("sleep"))
    assert output_of(outcome) == [True, False], describe(outcome)
    assert output_of(log.replay()) == [True, False]
