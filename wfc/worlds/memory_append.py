"""The one door for writing events in memory: guard, events, views, messages, claim, release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wfc import fault
from wfc.eventlog.event import (
    Event,
    HookCreated,
    Recorded,
    RunCreated,
    RunUpgraded,
)
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId
from wfc.worlds import memory_attempts as attempts
from wfc.worlds import memory_doors, memory_hooks, memory_streams, outside, rules
from wfc.worlds.limits import Claimant
from wfc.worlds.memory_leases import claim_fence
from wfc.worlds.memory_tables import RunRow, Tables, upgrades_of
from wfc.worlds.memory_views import apply
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Child,
    Guard,
    Message,
    NewRun,
    OpenHook,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    Release,
    Resume,
    Unowned,
)
from wfc.worlds.renaming import presently
from wfc.worlds.request import Request


def append(tables: Tables, request: Request) -> Appended | Refused:
    """Write all that the request holds, or nothing and say why."""
    run = tables.runs.get(request.run_id)
    if run is not None and run.upgraded:
        request = presently(request, Renames(upgrades_of(run)))
    refused = _refusal(tables, request.run_id, request.events, request.guard, request.create)
    if refused is not None:
        return refused
    for version in rules.versions_named(request.events, request.create):
        if version in tables.pruned:
            raise rules.pruned(version)
    if run is not None and not isinstance(request.guard, Owner):
        outside.check(_outside(tables, run), request.events, request.guard)
        memory_hooks.check_reopened(tables, run, request.events)
    memory_streams.check_all(tables, request.run_id, request.chunks)
    fault.point("append.begun")
    answer = _write(tables, request)
    fault.point("append.committed")
    return answer


def _refusal(
    tables: Tables, run_id: RunId, events: Sequence[Event], guard: Guard, create: Sequence[Child]
) -> Refused | None:
    for child in create:
        if child.run_id in tables.runs:
            return Refused(reason=Refusal.EXISTS, events=tuple(tables.runs[child.run_id].log[:1]))
    run = tables.runs.get(run_id)
    if isinstance(guard, NewRun):
        return None if run is None else Refused(reason=Refusal.EXISTS, events=(run.log[0],))
    if run is None:
        return Refused(reason=Refusal.MISSING)
    known = _duplicate(run, events)
    if known is not None:
        return known
    reopened = isinstance(guard, Unowned) and rules.reopens(run.status, events)
    if run.status.ended and not reopened:
        return Refused(reason=Refusal.OVER)
    return rules.already(
        guard, events, paused=run.paused, cancel_requested=run.cancel_requested
    ) or _guarded(tables, run, guard, events)


def _guarded(tables: Tables, run: RunRow, guard: Guard, events: Sequence[Event]) -> Refused | None:
    reason: Refusal | None = None
    match guard:
        case Owner(fence, length):
            if run.owner is not None and run.fence == fence:
                return _behind(run, length)
            reason = Refusal.FENCED
        case Unowned(length):
            if run.owner is None or not tables.lives(run.owner):
                return _behind(run, length)
            reason = Refusal.HELD
        case AttemptOf(operation_id, fence):
            row = tables.attempts.get((run.run_id, operation_id))
            if row is None or row.unwanted:
                reason = Refusal.MISSING
            elif row.worker_id is None or row.fence != fence:
                reason = Refusal.FENCED
        case OpenRun(int(length)):
            return _behind(run, length)
        case OpenHook(token) if not memory_hooks.takes(tables, run, token, events[0]):
            reason = Refusal.CLOSED
        case _:
            pass
    return None if reason is None else Refused(reason=reason)


def _duplicate(run: RunRow, events: Sequence[Event]) -> Refused | None:
    key = rules.dedupe_key(events[0]) if events else None
    if key is None:
        return None
    for recorded in run.log:
        if rules.dedupe_key(recorded.event) == key:
            rules.check_same(run.run_id, recorded.event, events[0])
            return Refused(reason=Refusal.DUPLICATE, events=(recorded,))
    return None


def _write(tables: Tables, request: Request) -> Appended:
    run_id, events, guard = request.run_id, request.events, request.guard
    now = tables.now_us()
    if isinstance(guard, NewRun):
        assert isinstance(events[0], RunCreated)
        _create(tables, run_id, events[0], now)
        tables.runs[run_id].heard = rules.heard(guard)
    run = tables.runs[run_id]
    if isinstance(guard, Unowned) and run.owner is not None:
        tables.lose(run, now)
    if isinstance(guard, Owner) and events:
        run.losses = 0
    for child in request.create:  # first, so that a cancel request of this append reaches them
        create_run(tables, child)
    memory_streams.write_all(tables, request)  # before an end closes the streams
    recorded = tuple(_record(tables, run, events, guard))
    for queued in request.messages:
        attempts.queue(tables, queued, now, _standing(run, request, queued.message))
    if request.release is not None and not run.status.ended:
        _release(tables, run, request.release, now)
    fence = None
    if request.claim is not None and not run.status.ended:
        fence = claim_fence(tables, run, request.claim)
    outcome = any(rules.answered_step(event) is not None for event in events)
    from_outside = not isinstance(guard, Owner | AttemptOf) or (
        isinstance(guard, AttemptOf) and outcome
    )
    if from_outside and fence is None and not run.status.ended:
        if run.owner is None:
            run.due_at = max(now, run.not_before or 0)
        memory_doors.wake(tables, run)
    return Appended(recorded=recorded, length=len(run.log), fence=fence)


def create_run(tables: Tables, child: Child) -> None:
    """Create a run beside whatever else is written, and queue it."""
    assert isinstance(child.event, RunCreated)
    _create(tables, child.run_id, child.event, tables.now_us())
    list(_record(tables, tables.runs[child.run_id], [child.event], NewRun()))
    memory_doors.wake(tables, tables.runs[child.run_id])


def _standing(run: RunRow, request: Request, message: Message) -> int | None:
    # After an upgrade a step may have spent attempts, which only the log tells.
    if not isinstance(message, Attempt) or message.run_id != run.run_id or run.upgraded:
        return None
    return outside.attempt_standing(request.events, message.operation_id)


def _create(tables: Tables, run_id: RunId, event: RunCreated, now: int) -> None:
    gates = rules.gates_of(event)
    tables.runs[run_id] = RunRow(
        run_id=run_id,
        workflow=event.workflow,
        version=event.version,
        fingerprint=event.fingerprint,
        created_at=now,
        arguments_digest=rules.digest_of(event.arguments),
        queue=event.queue,
        priority=event.priority,
        parent_id=None if event.parent is None else event.parent.run_id,
        root_id=event.root_id,
        not_before=event.not_before,
        due_at=max(now, event.not_before or 0),
        retention_us=rules.retention_us(event.retention_s),
        gated=bool(gates),
        late_at=rules.late_at(event, now),
        attributes=dict(event.attributes),
    )
    since = max(now, event.not_before or 0)
    memory_doors.enter(tables, Claimant(run_id), gates, priority=event.priority, since=since)


def _record(
    tables: Tables, run: RunRow, events: Sequence[Event], guard: Guard
) -> Iterator[Recorded]:
    now = max(tables.now_us(), run.log[-1].recorded_at if run.log else 0)
    for given, at in zip(events, rules.times(guard, len(events), now), strict=True):
        event = given
        if isinstance(event, HookCreated) and memory_hooks.holder_of(tables, event.token):
            event = rules.with_spare(event, guard)
        event = apply(tables, run, event, at)
        recorded = Recorded(position=len(run.log) + 1, recorded_at=at, event=event)
        run.log.append(recorded)
        yield recorded


def _release(tables: Tables, run: RunRow, release: Release, now: int) -> None:
    run.owner, run.heard = None, len(run.log)
    run.wake_at = run.due_at = release.wake_at
    tables.queue_news = True  # messages that waited for the owner may be taken by anybody
    if release.wake_at is not None:
        tables.put(Resume(run.run_id), max(now, release.wake_at), run.priority)
    if run.gated:
        memory_doors.released(tables, run, release)


def _behind(run: RunRow, length: int) -> Refused | None:
    rules.check_length(run.run_id, length, len(run.log))
    if length == len(run.log):
        return None
    return Refused(reason=Refusal.BEHIND, events=tuple(run.log[length : length + rules.BEHIND_MAX]))


# --- what facts from outside must know -----------------------------------------------------------


def _outside(tables: Tables, run: RunRow) -> outside.Outside:
    return outside.Outside(
        _Look(tables, run),
        length=len(run.log),
        version=run.version,
        chapter=run.chapter,
        started=run.started_at is not None,
        cancel_requested=run.cancel_requested,
        end=rules.ending(run.status, run.failure_kind),
    )


class _Look:
    """Looks things up for the rules."""

    def __init__(self, tables: Tables, run: RunRow) -> None:
        self._tables = tables
        self._run = run

    def hook(self, name: OperationId) -> int:
        found = self._run.hooks.get(name)
        return 0 if found is None else found.status

    def attempt(self, name: OperationId) -> int | None:
        row = self._tables.attempts.get((self._run.run_id, name))
        return None if row is None or row.unwanted else row.standing

    def upgrades(self) -> Sequence[RunUpgraded]:
        return upgrades_of(self._run)

    def naming(self, names: Sequence[OperationId], codes: Sequence[int] = ()) -> Sequence[Event]:  # noqa: ARG002 - the reader sorts out what is about them
        return [one.event for one in self._run.log if not codes or one.event.code in codes]
