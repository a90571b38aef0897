"""Why a run is where it is: one table of sentences, and runs that come to say them."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.runtime import child_flows, hook_flows
from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.histories import Log, template_of
from tests.runtime.house import House
from wfc import codec
from wfc.clock import VirtualClock, to_us
from wfc.errors import CorruptEvent, Diverged, FatalError, RetryableError, RunNotFound
from wfc.eventlog.entity import (
    Hook,
    HookStatus,
    Run,
    RunStatus,
    Step,
    StepStatus,
    Wait,
    WaitStatus,
)
from wfc.eventlog.event import (
    CancelCause,
    ChildCreated,
    FailureKind,
    HookKind,
    RunCancelRequested,
    RunPaused,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime.operations import Failed
from wfc.runtime.spans_of_time import span
from wfc.runtime.why import Facts, Why, WhyKind, explain
from wfc.runtime.why_facts import why
from wfc.worlds.open import open_world
from wfc.worlds.protocol import WorkerRow

NOW: Final = to_us(datetime.fromisoformat("2026-11-22T09:00:00+00:00"))
S: Final = 1_000_000
MINUTE: Final = 60 * S
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
CHARGE: Final = OperationId("charge~9c01d2ab#0")
SHIP: Final = OperationId("ship~9c01d2ac#0")
SLEEP: Final = OperationId("sleep~9c01d2ad#0")
HOOK: Final = OperationId("create_hook~9c01d2ae#0")
W3: Final = WorkerId("w-3")
AWAKE: Final = (WorkerRow(worker_id=W3, lease_until=NOW + 30 * S),)
RUN: Final = Run(
    run_id=RunId("o-1"),
    workflow=DefinitionId("shop:checkout"),
    version=VersionId("9f2c01"),
    fingerprint="",
    status=RunStatus.SUSPENDED,
    created_at=NOW - HOUR,
    started_at=NOW - HOUR,
    length=3,
)
PENDING: Final = replace(RUN, status=RunStatus.PENDING, started_at=None, created_at=NOW - 3 * S)


def charge(status: StepStatus = StepStatus.RUNNING, **more: Any) -> Step:
    fields: dict[str, Any] = {"attempt": 2, "policy": Policy(attempts=5), **more}
    return Step(operation_id=CHARGE, step=DefinitionId("billing:charge"), status=status, **fields)


def hook(kind: HookKind = HookKind.HOOK, created_at: int = NOW - 4 * MINUTE) -> Hook:
    return Hook(
        operation_id=HOOK, hook_id="hook_1" if kind is HookKind.HOOK else "apr_1",
        token="order:o-1", status=HookStatus.ACTIVE, kind=kind, created_at=created_at,  # noqa: S106 - a name
    )  # fmt: skip


def child() -> ChildCreated:
    return ChildCreated(
        operation_id=SHIP, run_id=RunId("ship-7"), workflow=DefinitionId("shop:ship"), digest=b""
    )


def wait(wake_at: int) -> Wait:
    return Wait(operation_id=SLEEP, wake_at=wake_at, status=WaitStatus.WAITING)


def failure(message: str, kind: type[Exception] = RuntimeError) -> bytes:
    return codec.encode_error(kind(message))


def raised() -> bytes:
    """An error as a body of another file raises it."""
    try:
        exec(compile("\n" * 41 + "raise RuntimeError('503')", "app/billing.py", "exec"))  # noqa: S102 - the only way to a file of another name
    except RuntimeError as error:
        return codec.encode_error(error)
    raise AssertionError


def of(run: Run = RUN, **more: Any) -> Facts:
    fields: dict[str, Any] = {"workers": AWAKE, "last_event_at": NOW - 3 * S, **more}
    return Facts(run=run, now=NOW, **fields)


def ended(status: RunStatus, **more: Any) -> Run:
    return replace(RUN, status=status, ended_at=NOW - 5 * MINUTE, **more)


def failed(message: bytes, kind: FailureKind = FailureKind.USER) -> Run:
    return ended(RunStatus.FAILED, error=message, failure_kind=kind)


CHAIN: Final = """
async def flow(n: int):
    "use workflow"
    total = 0
    for i in range(n):
        total = await add(total, i)
    return total
"""
DIVERGED: Final = (
    "run o-1 diverged at event 12 (step_completed of charge~9c01d2ab#0): the code did not ask for "
    "this.\n  recorded: a call of billing:charge, whose call place charge~9c01d2ab is shop.py:30 "
    "in this version\n  asked instead: step shop:ship as ship~9c01d2ac#0 at app/shop.py:31\n"
    "The run needs the code that wrote this history."
)
TABLE: Final[list[tuple[Facts, str, str, str | None]]] = [
    (
        of(steps={CHARGE: charge(started_at=NOW - 12 * S)}, started_by={CHARGE: W3}),
        "step_running", "Running `charge`, attempt 2 of 5, for 12 s on w-3.", None,
    ),
    (
        of(steps={CHARGE: charge(started_at=NOW - 12 * S)}, started_by={CHARGE: WorkerId("w-9")}),
        "stuck", "w-9, which ran `charge` (attempt 2 of 5), is gone; a sweep hands it on.", None,
    ),
    (
        of(steps={CHARGE: charge()}, started_by={CHARGE: WorkerId("w-9")}, workers=()),
        "no_worker", "No worker is awake; the last event is 3 s old.", "wfc worker",
    ),
    (
        of(steps={CHARGE: charge(StepStatus.PENDING, retry_at=NOW + 40 * S)},
           errors={CHARGE: failure("503")}),
        "retry_pause", "`charge` failed twice (RuntimeError: 503); attempt 3 in 40 s.",
        "wfc wake o-1 --wait 'charge~9c01d2ab#0'",
    ),
    (
        of(steps={CHARGE: charge(StepStatus.PENDING, retry_at=NOW - 9 * S)}),
        "step_queued", "`charge`, attempt 3, waits for a worker with room.", None,
    ),
    (
        of(steps={CHARGE: charge(StepStatus.PENDING, attempt=0, policy=Policy(queue="gpu"))}),
        "step_queued", "`charge`, attempt 1, waits in queue `gpu` for a worker with room.", None,
    ),
    (
        of(steps={CHARGE: charge(StepStatus.PENDING, attempt=0, policy=Policy(queue="gpu"))},
           workers=(replace(AWAKE[0], queues=("web",)),)),
        "no_worker", "No awake worker serves queue `gpu`, in which `charge` waits.",
        "wfc worker --queues gpu",
    ),
    (
        of(steps={CHARGE: charge(StepStatus.PENDING)}, last_event_at=NOW - 12 * MINUTE),
        "stuck", "Nothing happened for 12 min though `charge` is due; a sweep frees it.",
        "wfc doctor",
    ),
    (
        of(hooks={HOOK: hook()}, takes={HOOK: "Approval"}),
        "hook", "Waiting 4 min for a value on `order:o-1` (Approval).", "wfc resume order:o-1 JSON",
    ),
    (
        of(hooks={HOOK: hook(HookKind.APPROVAL)}),
        "approval", "Waiting 4 min for the approval `apr_1`.", "wfc approve apr_1",
    ),
    (
        of(hooks={HOOK: hook(HookKind.WEBHOOK)}),
        "hook", "Waiting 4 min for a request to webhook `apr_1`.", None,
    ),
    (
        of(waits={SLEEP: wait(NOW + 2 * DAY + HOUR)}),
        "wait", "Sleeping until Tue 24 Nov 10:00 UTC, in 2 d 1 h.", "wfc wake o-1",
    ),
    (
        of(waits={SLEEP: wait(NOW + 400 * DAY)}),
        "wait", "Sleeping until Mon 27 Dec 2027 09:00 UTC, in 400 d.", "wfc wake o-1",
    ),
    (
        of(waits={SLEEP: wait(NOW - S)}),
        "ready", "Ready for 1 s: a worker is about to take `sleep`.", None,
    ),
    (
        of(waits={SLEEP: wait(NOW - HOUR)}, workers=()),
        "no_worker", "No worker is awake; the last event is 3 s old.", "wfc worker",
    ),
    (
        of(children={SHIP: child()},
           runs_of_children={RunId("ship-7"): replace(RUN, run_id=RunId("ship-7"))}),
        "child", "Waiting for child run ship-7, suspended.", "wfc why ship-7",
    ),
    (
        of(children={SHIP: child()}),
        "child", "Waiting for child run ship-7.", "wfc why ship-7",
    ),
    (
        of(children={SHIP: child()},
           runs_of_children={RunId("ship-7"): ended(RunStatus.COMPLETED)},
           last_event_at=NOW - HOUR),
        "stuck",
        "Nothing happened for 5 min though the end of child run ship-7 is due; a sweep frees it.",
        "wfc doctor",
    ),
    (
        of(steps={CHARGE: charge(started_at=NOW), SHIP: charge(started_at=NOW)},
           hooks={HOOK: hook()}),
        "several", "Waiting for 3 things: 2 steps and hook `order:o-1`.", "wfc inspect o-1",
    ),
    (
        of(steps={CHARGE: charge(started_at=NOW)}, waits={SLEEP: wait(NOW + HOUR)},
           children={SHIP: child()}),
        "several", "Waiting for 3 things: 1 step, child run ship-7 and 1 sleep.", "wfc inspect o-1",
    ),
    (
        of(waits={SLEEP: wait(NOW + HOUR), SHIP: wait(NOW + 2 * HOUR)}),
        "several", "Waiting for 2 things: 2 sleeps.", "wfc inspect o-1",
    ),
    (
        of(steps={CHARGE: charge(StepStatus.PENDING)}, hooks={HOOK: hook()}, workers=()),
        "no_worker", "No worker is awake; the last event is 3 s old.", "wfc worker",
    ),
    (
        of(replace(PENDING, queue="free")),
        "queued", "In queue `free` for 3 s.", None,
    ),
    (
        of(PENDING),
        "ready", "Ready for 3 s: a worker is about to take the run.", None,
    ),
    (
        of(replace(PENDING, created_at=NOW - 3 * MINUTE), workers=(),
           last_event_at=NOW - 3 * MINUTE),
        "no_worker", "No worker is awake; the last event is 3 min old.", "wfc worker",
    ),
    (
        of(replace(PENDING, not_before=NOW + 9 * HOUR), workers=()),
        "delayed", "Starts at 18:00 UTC, in 9 h.", "wfc wake o-1",
    ),
    (
        of(replace(PENDING, not_before=NOW - 2 * S)),
        "ready", "Ready for 2 s: a worker is about to take the run.", None,
    ),
    (
        of(version_held=False, hooks={HOOK: hook()}),
        "no_bundle",
        ("No awake worker can load `checkout` as recorded (9f2c01): the world does not hold that "
        "version."),
        "wfc upgrade o-1",
    ),
    (
        of(replace(RUN, status=RunStatus.RUNNING, owner=W3)),
        "executing", "Executing on w-3; the last event is 3 s old.", None,
    ),
    (
        of(replace(RUN, status=RunStatus.RUNNING, owner=WorkerId("w-9"))),
        "ready", "Ready for 3 s: a worker is about to take the run.", None,
    ),
    (
        of(last_event_at=NOW - 12 * MINUTE),
        "stuck", "Nothing happened for 12 min though the run is due; a sweep frees it.",
        "wfc doctor",
    ),
    (
        of(replace(RUN, blocked="event 3 is damaged.")),
        "blocked", "The log cannot be read: event 3 is damaged.", "wfc doctor --unblock o-1",
    ),
    (
        of(replace(RUN, paused=True), pause=RunPaused(reason="stock-taking", actor="ana"),
           paused_at=NOW - 2 * HOUR - 4 * MINUTE),
        "paused", 'Paused by ana, 2 h 4 min ago: "stock-taking"', "wfc unpause o-1",
    ),
    (of(replace(RUN, paused=True)), "paused", "Paused.", "wfc unpause o-1"),
    (
        of(replace(RUN, cancel_requested=True), hooks={HOOK: hook()}, cancelled_at=NOW - 3 * S,
           cancel_request=RunCancelRequested(reason="late", actor="ana")),
        "cancelling",
        "Asked to cancel by ana, 3 s ago. Waiting 4 min for a value on `order:o-1`.",
        "wfc cancel o-1 --force",
    ),
    (
        of(replace(RUN, cancel_requested=True), workers=()),
        "no_worker", "Asked to cancel. No worker is awake; the last event is 3 s old.",
        "wfc worker",
    ),
    (
        of(ended(RunStatus.CANCELLED, cancel_reason="duplicate"),
           cancel_request=RunCancelRequested(reason="duplicate", actor="ana")),
        "cancelled", 'Cancelled by ana, 5 min ago: "duplicate"', None,
    ),
    (
        of(ended(RunStatus.CANCELLED), cancel_request=RunCancelRequested(cause=CancelCause.PARENT)),
        "cancelled", "Cancelled with its parent, 5 min ago.", None,
    ),
    (
        of(ended(RunStatus.CANCELLED),
           cancel_request=RunCancelRequested(cause=CancelCause.TIMEOUT)),
        "cancelled", "Cancelled since its time was over, 5 min ago.", None,
    ),
    (
        of(replace(ended(RunStatus.COMPLETED), created_at=NOW - 5 * MINUTE - 3 * DAY - 2 * HOUR)),
        "completed", "Completed in 3 d 2 h.", None,
    ),
    (
        of(replace(ended(RunStatus.COMPLETED), created_at=NOW - DAY,
                   not_before=NOW - 5 * MINUTE - 1_500_000)),
        "completed", "Completed in 1.5 s.", None,
    ),
    (
        of(failed(raised()),
           steps={CHARGE: charge(StepStatus.FAILED, attempt=3, error=raised())}),
        "failed", "`charge` gave up after 3 attempts: 503 at billing.py:42.", "wfc rerun o-1",
    ),
    (
        of(failed(failure("no luck")),
           steps={CHARGE: charge(StepStatus.FAILED, attempt=1, error=failure("other"))}),
        "failed", "Failed: RuntimeError: no luck.", "wfc rerun o-1",
    ),
    (
        of(failed(failure("too many events", ValueError), FailureKind.LIMIT)),
        "failed", "Failed (limit): ValueError: too many events.", "wfc rerun o-1",
    ),
    (
        of(failed(b"sealed")),
        "failed", "Failed: with an error that cannot be read here.", "wfc rerun o-1",
    ),
    (
        of(failed(failure(DIVERGED, Diverged), FailureKind.DIVERGENCE)),
        "diverged", "Event 12 was `charge`, line 31 asks `ship`.", "wfc upgrade o-1",
    ),
    (
        of(failed(failure("the marker disagrees", Diverged), FailureKind.DIVERGENCE)),
        "diverged", "Diverged: the marker disagrees.", "wfc upgrade o-1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "kind", "sentence", "action"), TABLE, ids=[row[2][:40] for row in TABLE]
)
def test_each_state_has_its_sentence(
    facts: Facts, kind: str, sentence: str, action: str | None
) -> None:
    found = explain(facts)
    assert (found.kind, found.sentence, found.next_action) == (kind, sentence, action)


def test_the_table_has_every_kind() -> None:
    assert {kind for _, kind, _, _ in TABLE} == set(WhyKind)


def test_each_action_is_a_command() -> None:
    from wfc.cli.main import TABLE as COMMANDS  # noqa: PLC0415 - the rest needs no command line

    known = {entry.name for entry in COMMANDS}
    for _, _, _, action in TABLE:
        assert action is None or action.split()[1] in known


def test_instants_and_the_operation_are_told_too() -> None:
    """For who draws it."""
    found = explain(of(waits={SLEEP: wait(NOW + HOUR)}))
    assert found.until == datetime.fromisoformat("2026-11-22T10:00:00+00:00")
    assert found.span == SLEEP
    found = explain(of(hooks={HOOK: hook()}))
    assert found.since == datetime.fromisoformat("2026-11-22T08:56:00+00:00")


@pytest.mark.parametrize(
    ("microseconds", "said"),
    [
        (-5, "0 s"), (400_000, "0.4 s"), (S, "1 s"), (9_960_000, "10 s"), (59 * S, "59 s"),
        (MINUTE, "1 min"), (HOUR, "1 h"), (HOUR + 61 * S, "1 h 1 min"), (DAY, "1 d"),
        (DAY + 2 * HOUR, "1 d 2 h"),
    ],
)  # fmt: skip
def test_spans_are_told_by_the_units_that_matter(microseconds: int, said: str) -> None:
    assert span(microseconds) == said


# --- runs that come to say them -----------------------------------------------------------------


async def said(run: Any) -> str:
    found: Why = await run.why()
    return found.sentence


async def test_a_run_tells_its_story(house: House) -> None:
    """Delayed, waiting for a worker, asleep, overdue, completed."""
    run = await house.start(FLOWS.waits, 1, delay="1h")
    assert (await run.why()).kind is WhyKind.DELAYED
    house.advance(hours=1)
    assert (await said(run)).startswith("No worker is awake; the last event is 1 h old.")
    worker = house.worker()
    await worker.run_until_idle()
    found = await run.why()
    assert found.sentence.startswith("Sleeping until ")
    assert found.sentence.endswith(", in 1 d.")
    assert found.next_action == f"wfc wake {run.id}"
    await run.pause("counting")
    assert '"counting"' in await said(run)
    await run.unpause()
    await worker.run_until_idle()
    house.advance(days=1)
    assert (await run.why()).kind is WhyKind.NO_WORKER, "its lease is over by now"
    await worker.run_until_idle()
    assert await said(run) == "Completed in 1 d."


async def test_a_retry_is_told_with_its_error(house: House, journal: Journal) -> None:
    journal.failures = [RetryableError("later", retry_after="40s")]
    run = await house.start(FLOWS.retried, 7)
    await house.worker().run_until_idle()
    found = await run.why()
    assert found.kind is WhyKind.RETRY_PAUSE
    assert found.sentence == "`flaky` failed once (RetryableError: later); attempt 2 in 40 s."
    assert found.next_action == f"wfc wake {run.id} --wait '{found.span}'"
    assert await run.wake_up([str(found.span)]) == 1


async def test_a_body_under_way_is_told_with_its_worker(house: House, journal: Journal) -> None:
    worker = await house.embedded(announce_after_s=0.001)
    run = await house.start(FLOWS.held, 1)
    await journal.entered.wait()
    await house.logged(run, "step_started")
    found = await run.why()
    assert found.kind is WhyKind.STEP_RUNNING
    assert found.sentence.startswith("Running `gated`, attempt 1 of 3, for 0 s on ")
    assert found.sentence.endswith(f"{worker.worker_id}.")


async def test_a_cancelled_run_tells_by_whom(house: House) -> None:
    run = await house.start(FLOWS.waits, 1)
    await run.cancel("duplicate")
    assert (await said(run)).startswith("Asked to cancel")
    await house.worker().run_until_idle()
    assert (await run.why()).kind is WhyKind.CANCELLED
    assert '"duplicate"' in await said(run)


async def test_a_hook_is_told_with_what_it_takes(house: House) -> None:
    other = await House(house.world, house.clock, hook_flows.HOOKED.version).open()
    run = await other.start(hook_flows.FLOWS.approves, "order:o-1")
    await other.worker().run_until_idle()
    found = await run.why()
    assert found.sentence == "Waiting 0 s for a value on `order:o-1` (Approval)."
    assert found.next_action == "wfc resume order:o-1 JSON"
    free = await other.start(hook_flows.FLOWS.collects, "any")
    await other.worker().run_until_idle()
    assert await said(free) == "Waiting 0 s for a value on `any`."
    for worker in other.workers:
        await worker.stop()


async def test_a_child_is_told_with_where_it_stands(house: House) -> None:
    other = await House(house.world, house.clock, child_flows.PROGRAM.version).open()
    run = await other.start(child_flows.FLOWS.waits, 3)
    await other.worker().run_until_idle()
    found = await run.why()
    assert found.sentence == "Waiting for child run child-3, suspended."
    assert found.next_action == "wfc why child-3"
    for worker in other.workers:
        await worker.stop()


async def test_a_damaged_log_is_a_reason(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await house.start(FLOWS.waits, 1)

    async def unreadable(*_: Any, **__: Any) -> Any:
        raise CorruptEvent("r", 2, "its checksum is wrong")

    monkeypatch.setattr(house.world, "history", unreadable)
    found = await run.why()
    assert (found.kind, found.sentence.startswith("The log cannot be read: ")) == ("blocked", True)


async def test_without_the_key_all_but_the_words_is_told(tmp_path: Path, journal: Journal) -> None:
    """Names, times and kinds are in the open; what an error says is not."""
    clock, url = VirtualClock(), f"sqlite:///{tmp_path}/sealed.db"
    world = open_world(url, clock, keys=f"k1:{base64.b64encode(b'k' * 32).decode()}")
    await world.open()
    house = await House(world, clock, PROGRAM.version).open()
    journal.failures = [FatalError("secret")]
    failed_run = await house.start(FLOWS.retried, 7)
    asleep = await house.start(FLOWS.waits, 1)
    await house.worker().run_until_idle()
    assert "secret" in await said(failed_run)
    sentence = await said(asleep)
    await house.close()
    world = open_world(url, clock, keys="")
    await world.open()
    try:
        told = await why(world, failed_run.id, codec.REGISTERED)
        assert told is not None
        assert told.sentence == "Failed: with an error that cannot be read here."
        told = await why(world, asleep.id, codec.REGISTERED)
        assert told is not None
        assert sentence.startswith("Sleeping until ")
        assert told.kind in {WhyKind.WAIT, WhyKind.NO_WORKER}
    finally:
        await world.close()


async def test_an_unknown_id_has_no_reason(house: House) -> None:
    run = await house.start(FLOWS.waits, 1)
    with pytest.raises(RunNotFound):
        await replace(run, id=RunId("nobody")).why()


def test_a_real_divergence_is_told_in_one_line() -> None:
    """By the words that `divergence.describe` wrote."""
    log = Log(template_of(CHAIN), 2)
    log.start()
    log.deliver(log.completed("add", 0))
    log.template = template_of(CHAIN.replace("await add(total, i)", "1 + await double(total)"))
    outcome = log.replay()
    assert isinstance(outcome, Failed)
    found = explain(of(failed(outcome.error, FailureKind.DIVERGENCE)))
    assert re.fullmatch(r"Event 2 was `add`, line \d+ asks `double`\.", found.sentence)
