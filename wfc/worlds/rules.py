"""What every world decides alike from values alone: legality of a batch, equality of requests."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from wfc.clock import MICROSECONDS
from wfc.errors import ConfigError, IdempotencyMismatch, IllegalEvent, VersionUnknown
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    TERMINAL,
    CancelCause,
    Channel,
    Event,
    FailureKind,
    HookCreated,
    HookReceived,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunPaused,
    RunRestarted,
    RunUnpaused,
    RunUpgraded,
    Scalar,
    Sent,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRetrying,
)
from wfc.eventlog.legality import Legality
from wfc.ids import OperationId, RunId, VersionId, is_run_id, split_operation_id
from wfc.worlds.limits import Gate, Limit, limit_of_function, limit_of_queue
from wfc.worlds.protocol import (
    Child,
    Guard,
    HookFilter,
    HookRow,
    NewRun,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    RunFilter,
)

PAGE_MAX: Final = 200
BEHIND_MAX: Final = 2000
"""How many missed events one refusal carries; who misses more asks again."""
_MOMENT_MAX: Final = 1 << 63
FOR_EVER_US: Final = 1 << 62
"""Longer than any clock goes, and still in range when an instant is added."""
COLLECTED_EVENTS_MAX: Final = 20_000
"""How many events one collection removes before it lets others write."""


def digest_of(arguments: bytes) -> bytes:
    """Name encoded arguments, so that two starts with one id can be told alike."""
    return hashlib.blake2b(arguments, digest_size=16).digest()


def check_batch(run_id: RunId, events: Sequence[Event], guard: Guard) -> None:
    """Refuse a batch that no log may hold, before anything is written. Raises `IllegalEvent`."""
    if isinstance(guard, NewRun):
        if not is_run_id(run_id):
            raise IllegalEvent(
                f"{run_id!r} cannot name a run: 1 to 200 letters, digits and . _ : - are allowed."
            )
        if not events or not isinstance(events[0], RunCreated):
            raise IllegalEvent(f"the first event of a new run ({run_id}) must be run_created")
    elif not events and not isinstance(guard, Owner):
        raise IllegalEvent(f"an append to run {run_id} from outside must hold an event")
    _check_ids(run_id, events, guard)
    if isinstance(guard, NewRun):
        # All that a log may hold may stand in one that is copied, also what reopened a failed run.
        Legality().check_all(events)
        _check_times(run_id, events, guard.recorded_at)
        return
    for index, event in enumerate(events):
        if isinstance(event, RunCreated):
            raise IllegalEvent(f"run {run_id} already has its run_created")
        if isinstance(event, TERMINAL) and index != len(events) - 1:
            raise IllegalEvent(f"nothing may follow {event.name} in the log of run {run_id}")


def _check_ids(run_id: RunId, events: Sequence[Event], guard: Guard) -> None:
    # Only the first event is looked up, so others may carry an id in a log that is copied whole.
    keys = [key for key in map(dedupe_key, events) if key is not None]
    first = dedupe_key(events[0]) if events else None
    later = len(keys) - (first is not None)
    if len(set(keys)) < len(keys) or (later and not isinstance(guard, NewRun)):
        raise IllegalEvent(
            f"only the first event of an append to run {run_id} may carry an idempotency id"
        )


def _check_times(run_id: RunId, events: Sequence[Event], recorded_at: Sequence[int]) -> None:
    if len(recorded_at) > len(events):
        raise IllegalEvent(
            f"run {run_id} begins with {len(events)} events, and {len(recorded_at)} instants say "
            "when they were recorded"
        )
    if any(later < earlier for earlier, later in pairwise(recorded_at)):
        raise IllegalEvent(f"the instants given for the first events of run {run_id} go back")


def times(guard: Guard, count: int, at: int) -> list[int]:
    """Give when each of `count` events was recorded: `at`, unless a copied log says it."""
    kept = guard.recorded_at if isinstance(guard, NewRun) else ()
    if kept:
        at = max(at, kept[-1])
    return [*kept, *[at] * (count - len(kept))]


def heard(guard: Guard) -> int:
    """Give how many events of a new run were heard in the run that they are copied from."""
    return len(guard.recorded_at) if isinstance(guard, NewRun) else 0


def with_spare(event: HookCreated, guard: Guard) -> HookCreated:
    """Give a hook whose token is taken its spare one, if it is copied and has one."""
    spare = guard.spares.get(event.token) if isinstance(guard, NewRun) else None
    if spare is None:
        return event
    url = None if event.url is None else event.url.replace(event.token, spare)
    return replace(event, token=spare, url=url)


def chapter_of(name: OperationId) -> int:
    """Give the chapter of an operation; what has no such name is of the first."""
    try:
        return split_operation_id(name)[0]
    except ValueError:
        return 1


def hands_on(holder: tuple[RunId, OperationId], run_id: RunId, chapter: int) -> bool:
    """Tell whether a run may take a token over from a hook of one of its own earlier chapters."""
    return holder[0] == run_id and chapter_of(holder[1]) < chapter


def check_length(run_id: RunId, seen: int, length: int) -> None:
    """Refuse a writer that claims to know events which were never written."""
    if seen > length:
        raise IllegalEvent(
            f"the writer says that run {run_id} has {seen} events, but it has {length}. "
            "A log never shrinks, so the writer counts wrongly; nothing was written."
        )


def already(
    guard: Guard, events: Sequence[Event], *, paused: bool, cancel_requested: bool
) -> Refused | None:
    """Refuse a lone request from outside for what is so already.

    Only the world can: of callers that race, each saw a run in which nobody had asked yet.
    """
    match events:
        case [RunCancelRequested(force=False)]:
            is_so = cancel_requested
        case [RunPaused()]:
            is_so = paused
        case [RunUnpaused()]:
            is_so = not paused
        case _:
            is_so = False
    return Refused(reason=Refusal.ALREADY) if is_so and isinstance(guard, OpenRun) else None


def passed_on(parent: RunId) -> RunCancelRequested:
    """Give the request by which the cancellation of a run reaches a child of it."""
    return RunCancelRequested(
        reason=f"its parent {parent} was cancelled", cause=CancelCause.PARENT, actor=parent
    )


def taken_back(parent: RunId) -> RunCancelRequested:
    """Give the request that ends a child whose parent has moved to code that does without it."""
    return RunCancelRequested(
        reason=f"the code of its parent {parent} does without it now",
        cause=CancelCause.PARENT,
        actor=parent,
    )


def is_detached(opening: Event) -> bool:
    """Tell whether a run outlives the cancellation of its parent."""
    return isinstance(opening, RunCreated) and bool(opening.parent and opening.parent.detached)


def reopens(status: RunStatus, events: Sequence[Event]) -> bool:
    """Tell whether these events may follow the end of a run: an upgrade after a failure."""
    return status is RunStatus.FAILED and bool(events) and isinstance(events[0], RunUpgraded)


def ending(
    status: RunStatus, kind: FailureKind | None
) -> RunCompleted | RunFailed | RunCancelled | None:
    """Give the terminal event of a run, without what it carried; None while the run goes on."""
    match status:
        case RunStatus.COMPLETED:
            return RunCompleted(output=b"")
        case RunStatus.FAILED:
            return RunFailed(error=b"", kind=kind or FailureKind.USER)
        case RunStatus.CANCELLED:
            return RunCancelled()
        case _:
            return None


def end_of(event: Event) -> RunStatus | None:
    """Give the status that a terminal event puts a run into."""
    match event:
        case RunCompleted():
            return RunStatus.COMPLETED
        case RunFailed():
            return RunStatus.FAILED
        case RunCancelled():
            return RunStatus.CANCELLED
        case _:
            return None


def ends(events: Sequence[Event]) -> bool:
    """Tell whether these events end a run."""
    return bool(events) and isinstance(events[-1], TERMINAL)


def answered_step(event: Event) -> OperationId | None:
    """Give the step whose attempt this event ends, and with it the attempt's row."""
    if isinstance(event, StepCompleted | StepFailed | StepCancelled | StepRetrying):
        return event.operation_id
    return None


def retention_us(retention_s: float | None) -> int | None:
    """Give how long a run is kept after its end; None as the settings say."""
    if retention_s is None:
        return None
    return FOR_EVER_US if retention_s < 0 else min(round(retention_s * MICROSECONDS), FOR_EVER_US)


def gates_of(event: RunCreated) -> list[Gate]:
    """Give the gates that a run has to pass before it begins."""
    gates = []
    if event.queue is not None:
        gates.append(Gate(limit_of_queue(event.queue), event.queue_key or ""))
    if event.limit_key is not None:
        gates.append(Gate(limit_of_function(event.workflow), event.limit_key))
    return gates


def opens_at(limit: Limit, spent_until: int | None, now_us: int) -> int | None:
    """Give the instant before which a rate lets nobody pass, if it lies ahead."""
    if limit.rate is None or spent_until is None:
        return None
    at = limit.rate.opens_at(spent_until)
    return at if at > now_us else None


def late_at(created: RunCreated, now_us: int) -> int | None:
    """Say from when on a run is late; None if it has no goal."""
    if created.goal_s is None:
        return None
    begin = max(now_us, created.not_before or 0)
    return min(begin + round(created.goal_s * MICROSECONDS), FOR_EVER_US)


def reserved_until(disposed_at: int, retention_s: float | None) -> int | None:
    """Say until when the token of a disposed hook is kept from others."""
    return None if retention_s is None else disposed_at + round(retention_s * MICROSECONDS)


def dedupe_key(event: Event) -> str | None:
    """Give the idempotency id under which an outside fact lands at most once per run."""
    return event.idempotency_id if isinstance(event, Sent) else None


def check_same(run_id: RunId, known: Event, sent: Event) -> None:
    """See that two facts with one idempotency id are one. Raises `IdempotencyMismatch`."""
    if _essence(known) != _essence(sent):
        raise IdempotencyMismatch(
            f"the idempotency id {dedupe_key(sent)!r} was used before for run {run_id}, with "
            "another payload. Nothing was written. Send a new id with a new payload.",
            known,
        )


def _essence(event: Event) -> Event:
    # Who sent it, by what way and under which receipt may differ between two tries of one request.
    if isinstance(event, HookReceived):
        return replace(event, receipt_id="", actor=None, channel=Channel.RUNTIME)
    if isinstance(event, Sent):
        return replace(event, actor=None, channel=Channel.RUNTIME)
    return event


def versions_named(events: Iterable[Event], create: Iterable[Child] = ()) -> Iterator[VersionId]:
    """Give the versions that runs depend on from these events on."""
    for event in (*events, *(child.event for child in create)):
        match event:
            case RunCreated(version=version) | RunRestarted(version=version):
                yield version
            case RunUpgraded(to_version=version):
                yield version


def pruned(version: VersionId) -> VersionUnknown:
    """Say that no run may depend on a version any more."""
    return VersionUnknown(
        f"version {version} was pruned, so no run can go on with it. Nothing was written.\n"
        "Register its build again: `wfc versions register` at that commit."
    )


def unregistered(version: VersionId) -> VersionUnknown:
    """Say that a version is not there."""
    return VersionUnknown(
        f"version {version} is not registered here. `wfc versions` lists those that are."
    )


def scalar_text(value: Scalar) -> str:
    """Write an attribute's value so that equal text means equal value and type."""
    return json.dumps(value)


def scalar_of(text: str) -> Scalar:
    """Read an attribute's value back."""
    value: Scalar = json.loads(text)
    return value


def check_page(limit: int) -> None:
    """Refuse a page size that is out of bounds. Raises `ConfigError`."""
    if not 1 <= limit <= PAGE_MAX:
        raise ConfigError(f"limit={limit}: a page of runs holds 1 to {PAGE_MAX}")


def write_cursor(where: RunFilter, created_at: int, run_id: RunId) -> str:
    """Name the place after a run in the list of `where`."""
    text = json.dumps([created_at, run_id, _filter_digest(where)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_cursor(where: RunFilter, cursor: str) -> tuple[int, RunId]:
    """Give creation time and id of the last run before the cursor. Raises `ConfigError`."""
    try:
        created_at, run_id, digest = json.loads(base64.b64decode(cursor, altchars=b"-_"))
        place = _moment(created_at), RunId(_text(run_id))
    except (ValueError, TypeError) as error:
        raise _no_cursor(cursor) from error
    if digest != _filter_digest(where):
        raise _other_filters()
    return place


HookPlace = tuple[int, RunId, OperationId]
"""Where a hook stands in the list of all: newer first."""


def place_of(row: HookRow) -> HookPlace:
    """Say where a hook stands in lists."""
    return row.hook.created_at, row.run_id, row.hook.operation_id


def write_hook_cursor(where: HookFilter, row: HookRow) -> str:
    """Name the place after a hook in the list of `where`."""
    text = json.dumps([*place_of(row), _hook_filter_digest(where)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_hook_cursor(where: HookFilter, cursor: str) -> HookPlace:
    """Give the place of the last hook before the cursor. Raises `ConfigError`."""
    try:
        created_at, run_id, name, digest = json.loads(base64.b64decode(cursor, altchars=b"-_"))
        place = _moment(created_at), RunId(_text(run_id)), OperationId(_text(name))
    except (ValueError, TypeError) as error:
        raise _no_cursor(cursor) from error
    if digest != _hook_filter_digest(where):
        raise _other_filters()
    return place


def _moment(value: object) -> int:
    """Read a time of a cursor. Raises `ValueError` for one that no database holds."""
    if type(value) is not int or not -_MOMENT_MAX <= value < _MOMENT_MAX:
        raise ValueError(value)
    return value


def _text(value: object) -> str:
    """Read an id of a cursor. Raises `ValueError` for one that no database holds."""
    if type(value) is not str or "\0" in value:
        raise ValueError(value)
    value.encode()  # lone surrogates have no bytes
    return value


def _hook_filter_digest(where: HookFilter) -> str:
    words = (where.run_id, where.token, where.hook_id, where.kind, sorted(where.statuses))
    return hashlib.blake2b(json.dumps(words).encode(), digest_size=6).hexdigest()


def _no_cursor(cursor: str) -> ConfigError:
    return ConfigError(f"{cursor!r} is no cursor. Take `next` of the page before, unchanged.")


def _other_filters() -> ConfigError:
    return ConfigError(
        "the cursor belongs to a list with other filters. Repeat the filters of the first "
        "page, or begin anew without a cursor."
    )


def _filter_digest(where: RunFilter) -> str:
    words: Iterable[object] = (
        where.workflow, sorted(where.statuses), where.version, where.queue, where.parent_id,
        sorted((key, scalar_text(value)) for key, value in where.attributes.items()),
        where.created_from, where.created_until, where.search, where.late,
    )  # fmt: skip
    return hashlib.blake2b(json.dumps(list(words)).encode(), digest_size=6).hexdigest()
