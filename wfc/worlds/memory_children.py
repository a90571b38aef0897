"""Children in memory: who hears of whose end, and whom a cancellation reaches."""

from __future__ import annotations

from wfc.eventlog.event import ChildCreated, Recorded, RunCancelRequested
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId
from wfc.worlds import memory_doors, rules
from wfc.worlds.memory_reads import view
from wfc.worlds.memory_tables import RunRow, Tables
from wfc.worlds.protocol import EndedChild


def hear(run: RunRow, event: ChildCreated) -> None:
    """Let the run hear of the end of the child that the event names."""
    run.children[event.operation_id] = event.run_id


def rename(run: RunRow, renames: Renames) -> None:
    """Call the operations what the run's new code calls them."""
    run.children = {renames.operation(name): child for name, child in run.children.items()}


def take_back(tables: Tables, run: RunRow, name: OperationId, at: int) -> None:
    """Forget a child that an upgrade does without, and cancel it."""
    child = tables.runs.get(run.children.pop(name, RunId("")))
    if child is not None and child.parent_id == run.run_id:
        _tell(tables, child, rules.taken_back(run.run_id), at)


def request_cancel(tables: Tables, run: RunRow, event: RunCancelRequested, at: int) -> None:
    """Note that the run is to be cancelled, and pass that on to its children."""
    run.cancel_requested, run.cancel_reason = True, event.reason
    run.not_before = None  # a cancelled run need not wait for its delayed start
    for child in list(tables.runs.values()):
        if child.parent_id == run.run_id and not rules.is_detached(child.log[0].event):
            _tell(tables, child, rules.passed_on(run.run_id), at)


def _tell(tables: Tables, child: RunRow, event: RunCancelRequested, at: int) -> None:
    if child.status.ended or child.cancel_requested:
        return
    at = max(at, child.log[-1].recorded_at)
    child.log.append(Recorded(position=len(child.log) + 1, recorded_at=at, event=event))
    tables.told.add(child.run_id)
    request_cancel(tables, child, event, at)
    wake(tables, child)


def wake_hearers(tables: Tables, run: RunRow) -> None:
    """Let everybody who waits for the end of `run` look at it."""
    for other in list(tables.runs.values()):
        hears = other.run_id == run.parent_id or run.run_id in other.children.values()
        if hears and not other.status.ended:
            wake(tables, other)


def wake(tables: Tables, run: RunRow) -> None:
    """Let any worker look at a run, once it has passed its gates."""
    if run.owner is None:
        run.due_at = max(tables.now_us(), run.not_before or 0)
    memory_doors.wake(tables, run)


def ended(tables: Tables, run: RunRow, limit: int) -> list[EndedChild]:
    """List the ended children whose end the run's log does not hold."""
    found = (
        EndedChild(operation_id=name, run=view(tables, tables.runs[child]))
        for name, child in sorted(run.children.items())
        if child in tables.runs and tables.runs[child].status.ended
    )
    return list(found)[:limit]


def unheard(tables: Tables, run: RunRow) -> bool:
    """Tell whether a child has ended of which the run has to hear."""
    return not (run.status.ended or run.halted) and bool(ended(tables, run, 1))
