"""What an event changes in the rows of a world in memory."""

from __future__ import annotations

from dataclasses import replace

from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    HookConflicted,
    HookCreated,
    HookDisposed,
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
    StepStarted,
)
from wfc.eventlog.renames import Renames
from wfc.eventlog.standing import RUNNING, standing
from wfc.ids import OperationId
from wfc.worlds import memory_attempts as attempts
from wfc.worlds import memory_children as children
from wfc.worlds import (
    memory_doors,
    memory_ends,
    memory_hooks,
    memory_streams,
    rules,
    schedules,
)
from wfc.worlds.feed import SCHEDULES
from wfc.worlds.memory_tables import RunRow, Tables
from wfc.worlds.protocol import Attempt


def apply(  # noqa: C901, PLR0912 - one branch per event that has a view
    tables: Tables, run: RunRow, event: Event, at: int
) -> Event:
    """Change the views by one event, and give the event as it is written."""
    step = rules.answered_step(event)
    if step is not None:
        attempts.drop(tables, run, step, over=not isinstance(event, StepCancelled))
    match event:
        case StepStarted():
            row = tables.attempts.get((run.run_id, event.operation_id))
            if row is not None:
                row.standing = standing(RUNNING, event.attempt)
        case RunStarted():
            run.started_at = run.started_at or at
            run.status = RunStatus.SUSPENDED
        case RunCancelRequested():
            children.request_cancel(tables, run, event, at)
        case RunWoken():
            run.not_before = None
        case RunPaused():
            _pause(tables, run)
        case RunUnpaused():
            run.paused = False
        case RunUpgraded():
            _move(tables, run, event, at)
        case RunRestarted():
            memory_hooks.forget_chapters(tables, run, at)
            run.version, run.fingerprint = event.version, event.fingerprint
            run.chapter, run.chapter_at = event.chapter, len(run.log) + 1
            run.children.clear()
            memory_streams.forget_writers(tables, run)
        case ChildCreated():
            children.hear(run, event)
        case ChildCompleted() | ChildFailed():
            run.children.pop(event.operation_id, None)
        case AttributesSet():
            for key, value in event.changes.items():
                if value is None:
                    run.attributes.pop(key, None)
                else:
                    run.attributes[key] = value
        case HookCreated() | HookConflicted():
            return memory_hooks.create(tables, run, event, at)
        case HookReceived() if event.operation_id in run.hooks:
            run.hooks[event.operation_id].received += 1
        case HookDisposed() if event.operation_id in run.hooks:
            memory_hooks.dispose([run.hooks[event.operation_id]], at)
        case RunCompleted() | RunFailed() | RunCancelled():
            _end(tables, run, event, at)
        case _:
            pass
    return event


def _pause(tables: Tables, run: RunRow) -> None:
    run.paused = True
    memory_doors.halted(tables, run)


def _move(tables: Tables, run: RunRow, event: RunUpgraded, at: int) -> None:
    """Take back what the run's new code does not ask for, and rename the rest."""
    run.version, run.fingerprint, run.upgraded = event.to_version, event.fingerprint, True
    if run.status.ended:
        run.status, run.ended_at = RunStatus.SUSPENDED, None
        run.error, run.failure_kind = None, None
        memory_streams.reopen_all(tables, run.run_id)
    for name in (*event.withdrawn, *event.retracted):
        if name in event.withdrawn or not memory_hooks.reopen(run, name):
            _take_back(tables, run, name)
        children.take_back(tables, run, name, at)
    _rename(tables, run, Renames((event,)))


def _rename(tables: Tables, run: RunRow, renames: Renames) -> None:
    """Call queued steps and hooks what the run's new code calls them."""
    if not renames:
        return
    present = renames.operation
    run.hooks = {present(name): hook for name, hook in run.hooks.items()}
    for name, hook in run.hooks.items():
        hook.name = name
    children.rename(run, renames)
    memory_doors.rename(tables, run.run_id, present)
    memory_streams.rename(tables, run.run_id, renames)
    tables.attempts = {
        (run_id, present(name) if run_id == run.run_id else name): row
        for (run_id, name), row in tables.attempts.items()
    }
    for row in tables.messages.values():
        if isinstance(row.message, Attempt) and row.message.run_id == run.run_id:
            row.message = replace(row.message, operation_id=present(row.message.operation_id))


def _take_back(tables: Tables, run: RunRow, name: OperationId) -> None:
    """Forget an operation that an upgrade set back to none."""
    attempts.drop(tables, run, name, over=False)
    memory_hooks.forget(tables, run, name)


def _end(
    tables: Tables, run: RunRow, event: RunCompleted | RunFailed | RunCancelled, at: int
) -> None:
    match event:
        case RunCompleted():
            run.status, run.output = RunStatus.COMPLETED, event.output
        case RunFailed():
            run.status, run.error, run.failure_kind = (
                RunStatus.FAILED,
                event.error,
                event.kind,
            )
        case RunCancelled():
            run.status, run.cancel_reason = RunStatus.CANCELLED, event.reason
    run.ended_at, run.owner, run.lost = at, None, False
    run.due_at = run.wake_at = None
    memory_hooks.dispose(run.hooks.values(), at)
    memory_streams.close_all(tables, run.run_id, run.status)
    for holder, operation_id in list(tables.attempts):
        if holder == run.run_id:
            attempts.drop(tables, run, operation_id, over=False)
    for receipt, row in list(tables.messages.items()):
        if row.message.run_id == run.run_id:
            del tables.messages[receipt]
    memory_doors.ended(tables, run)
    if run.status is not RunStatus.FAILED:  # an upgrade may reopen it
        run.children.clear()
    children.wake_hearers(tables, run)
    memory_ends.ended(tables, run, len(run.log) + 1)
    if run.run_id.startswith(schedules.PREFIX):
        tables.news.add(SCHEDULES)  # a firing may wait for this end
