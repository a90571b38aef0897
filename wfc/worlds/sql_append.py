"""The one door for writing events to tables: guard, events, views, messages, claim, release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wfc import fault
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    Event,
    HookCreated,
    Recorded,
    RunCreated,
)
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds import (
    outside,
    rules,
    sql_doors,
    sql_events,
    sql_hooks,
    sql_runs,
    sql_streams,
    sql_versions,
)
from wfc.worlds import sql_attempts as attempts
from wfc.worlds import sql_leases as leases
from wfc.worlds import sql_queue as messages
from wfc.worlds.feed import QUEUES, RUNS, run_topic
from wfc.worlds.limits import Claimant
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Child,
    Claimed,
    Guard,
    NewRun,
    OpenHook,
    OpenRun,
    Owner,
    Queued,
    Refusal,
    Refused,
    Release,
    Resume,
    Unowned,
)
from wfc.worlds.renaming import presently
from wfc.worlds.request import Request
from wfc.worlds.sql_outside import outside_of, upgrades_of, was_upgraded
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sql_views import apply


def append(transaction: Transaction, request: Request) -> Appended | Refused:
    """Write all that the request holds, or nothing and say why."""
    before = sql_runs.load(transaction.connection, request.run_id)
    if before is not None and isinstance(request.guard, AttemptOf | OpenHook):
        upgrades = upgrades_of(transaction, before)
        request = presently(request, Renames(upgrades)) if upgrades else request
    refused = _refusal(transaction, request, before)
    if refused is not None:
        return refused
    for version in rules.versions_named(request.events, request.create):
        sql_versions.must_not_be_pruned(transaction, version)
    if before is None:
        opening = request.events[0]
        assert isinstance(opening, RunCreated)
        before = _create(transaction, request.run_id, opening)
    elif not isinstance(request.guard, Owner):
        outside.check(outside_of(transaction, before), request.events, request.guard)
        sql_hooks.check_reopened(transaction, request.run_id, request.events)
    run = replace(before)
    answer = _write(transaction, request, run)
    sql_runs.save(transaction.connection, before, run)
    transaction.news.update((RUNS, run_topic(request.run_id)))
    return answer


# --- may it be written? ------------------------------------------------------------------------


def _refusal(transaction: Transaction, request: Request, run: RunRow | None) -> Refused | None:
    for child in request.create:
        taken = _opening(transaction, child.run_id)
        if taken:
            return Refused(reason=Refusal.EXISTS, events=tuple(taken))
    if isinstance(request.guard, NewRun):
        taken = _opening(transaction, request.run_id)
        return Refused(reason=Refusal.EXISTS, events=tuple(taken)) if taken else None
    if run is None:
        return Refused(reason=Refusal.MISSING)
    known = _duplicate(transaction, request)
    if known is not None:
        return known
    reopened = isinstance(request.guard, Unowned) and rules.reopens(
        RunStatus(run.status), request.events
    )
    if run.over and not reopened:
        return Refused(reason=Refusal.OVER)
    paused, cancelled = bool(run.paused), bool(run.cancel_requested)
    return rules.already(
        request.guard, request.events, paused=paused, cancel_requested=cancelled
    ) or _guarded(transaction, run, request)


def _opening(transaction: Transaction, run_id: RunId) -> list[Recorded]:
    return sql_events.read_history(transaction, run_id, 0, 1)


def _duplicate(transaction: Transaction, request: Request) -> Refused | None:
    key = rules.dedupe_key(request.events[0]) if request.events else None
    if key is None:
        return None
    found = transaction.execute(
        "SELECT position FROM events WHERE run_id = ? AND dedupe = ?", (request.run_id, key)
    ).fetchone()
    if found is None:
        return None
    (known,) = sql_events.read_history(transaction, request.run_id, found[0] - 1, 1)
    rules.check_same(request.run_id, known.event, request.events[0])
    return Refused(reason=Refusal.DUPLICATE, events=(known,))


def _guarded(transaction: Transaction, run: RunRow, request: Request) -> Refused | None:
    reason: Refusal | None = None
    match request.guard:
        case Owner(fence, length):
            if run.owner is not None and run.fence == fence:
                return _behind(transaction, run, length)
            reason = Refusal.FENCED
        case Unowned(length):
            if run.owner is None or not leases.lives(transaction, run.owner):
                return _behind(transaction, run, length)
            reason = Refusal.HELD
        case AttemptOf(operation_id, fence):
            reason = leases.attempt_refusal(transaction, run.run_id, operation_id, fence)
        case OpenRun(int(length)):
            return _behind(transaction, run, length)
        case OpenHook(token):
            name = getattr(request.events[0], "operation_id", None)
            if sql_hooks.active_hook(transaction, token) != (run.run_id, name):
                reason = Refusal.CLOSED
        case _:
            pass
    return None if reason is None else Refused(reason=reason)


def _behind(transaction: Transaction, run: RunRow, length: int) -> Refused | None:
    rules.check_length(run.run_id, length, run.length)
    if length == run.length:
        return None
    missed = sql_events.read_history(transaction, run.run_id, length, rules.BEHIND_MAX)
    if not missed:
        # Without this the writer would ask for ever for what it is said to miss.
        raise sql_events.gone(run.run_id, length + 1)
    return Refused(reason=Refusal.BEHIND, events=tuple(missed))


# --- it may --------------------------------------------------------------------------------------


def _write(transaction: Transaction, request: Request, run: RunRow) -> Appended:
    if isinstance(request.guard, Unowned) and run.owner is not None:
        leases.lose(transaction, run)
    if isinstance(request.guard, Owner) and request.events:
        run.losses = 0
    for child in request.create:  # first, so that a cancel request of this append reaches them
        create_run(transaction, child)
    if isinstance(request.guard, NewRun) and request.guard.streams is not None:
        sql_streams.copy(transaction, run.run_id, request.guard.streams)
    if request.chunks:  # before an end closes the streams
        sql_streams.write_all(transaction, run.run_id, request.chunks)
    recorded = _record(transaction, run, request.events, request.guard)
    if isinstance(request.guard, NewRun):
        run.heard = rules.heard(request.guard)
    for queued in request.messages:
        _enqueue(transaction, run, request, queued)
    fence = None if run.over else _pass_on(transaction, request, run)
    return Appended(recorded=recorded, length=run.length, fence=fence)


def _create(transaction: Transaction, run_id: RunId, event: RunCreated) -> RunRow:
    """Write the row of a new run, and make it known at its gates."""
    run = sql_runs.create(transaction.connection, run_id, event, transaction.now_us)
    gates = rules.gates_of(event)
    if gates:
        since = max(run.created_at, run.not_before or 0)
        who = Claimant(run_id)
        sql_doors.enter(transaction, who, gates, priority=run.priority, since=since)
    return run


def _enqueue(transaction: Transaction, run: RunRow, request: Request, queued: Queued) -> None:
    """Queue a message of the append; of its own run, the loaded row knows better than the table."""
    if queued.message.run_id != run.run_id:
        attempts.enqueue(transaction, queued)
    elif isinstance(queued.message, Attempt):
        if not run.over:
            number = _standing(transaction, run, request, queued.message.operation_id)
            attempts.enqueue_open(transaction, queued, run, number)
    elif not run.over:
        attempts.enqueue_open(transaction, queued, run)


def _standing(
    transaction: Transaction, run: RunRow, request: Request, name: OperationId
) -> int | None:
    """Say where a step stands that is queued, or None: then the log is asked when that matters."""
    number = outside.attempt_standing(request.events, name)
    # After an upgrade a step may have spent attempts, which only the log tells.
    return None if number is None or was_upgraded(transaction, run.run_id) else number


def _pass_on(transaction: Transaction, request: Request, run: RunRow) -> int | None:
    """Say who looks at the run next: nobody before `wake_at`, the claimer, or any worker."""
    if request.release is not None:
        _release(transaction, run, request.release)
    fence = None if request.claim is None else _claim(transaction, run, request.claim)
    if fence is None and _wakes(request):
        if run.owner is None:
            run.due_at = max(transaction.now_us, run.not_before or 0)
        sql_doors.wake(transaction, run)
    return fence


def _wakes(request: Request) -> bool:
    """Tell whether somebody must look at the run after this: a fact came from outside its owner."""
    match request.guard:
        case Owner():
            return False
        case AttemptOf():
            return any(rules.answered_step(event) is not None for event in request.events)
        case _:
            return True


def _record(
    transaction: Transaction, run: RunRow, events: Sequence[Event], guard: Guard
) -> tuple[Recorded, ...]:
    times = rules.times(guard, len(events), max(transaction.now_us, run.recorded_at))
    recorded = tuple(_recorded(transaction, run, events, guard, times))
    sql_events.insert(
        transaction.connection,
        run.run_id,
        sql_events.encode(run.run_id, recorded, transaction.vault),
    )
    if recorded:
        run.recorded_at = times[-1]
    return recorded


def _recorded(
    transaction: Transaction,
    run: RunRow,
    events: Sequence[Event],
    guard: Guard,
    times: Sequence[int],
) -> Iterator[Recorded]:
    for given, at in zip(events, times, strict=True):
        event = given
        if isinstance(event, HookCreated) and sql_hooks.is_taken(transaction, event.token):
            event = rules.with_spare(event, guard)
        event = apply(transaction, run, event, at)
        run.length += 1
        yield Recorded(position=run.length, recorded_at=at, event=event)


def create_run(transaction: Transaction, child: Child) -> None:
    """Create a run beside whatever else the transaction writes, and queue it."""
    assert isinstance(child.event, RunCreated)
    before = _create(transaction, child.run_id, child.event)
    run = replace(before)
    _record(transaction, run, [child.event], NewRun())
    sql_doors.wake(transaction, run)
    sql_runs.save(transaction.connection, before, run)
    transaction.news.add(run_topic(child.run_id))


def _release(transaction: Transaction, run: RunRow, release: Release) -> None:
    run.owner, run.heard = None, run.length
    run.wake_at = run.due_at = release.wake_at
    transaction.news.add(QUEUES)  # messages that waited for the owner may be taken by anybody
    if release.wake_at is not None:
        due = max(transaction.now_us, release.wake_at)
        messages.put(transaction, Resume(run.run_id), due, run.priority)
    if run.gated:
        sql_doors.released(transaction, run, release)
    fault.point("run.released")


def _claim(transaction: Transaction, run: RunRow, worker_id: WorkerId) -> int | None:
    if not leases.lives(transaction, worker_id):
        return None
    answer = leases.claim_loaded(transaction, run, worker_id)
    if not isinstance(answer, Claimed):
        return None
    fault.point("run.claimed")
    return answer.fence
