"""Gather what `why` judges: one log, the rows of run and children, and who is awake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from wfc import codec
from wfc.clock import MICROSECONDS
from wfc.errors import CodecError, LogError
from wfc.eventlog.entity import Hook, HookStatus, Run
from wfc.eventlog.event import (
    ChildCreated,
    Recorded,
    RunCancelRequested,
    RunPaused,
    StepRetrying,
    StepStarted,
)
from wfc.eventlog.fold import State, fold
from wfc.ids import OperationId, RunId, WorkerId
from wfc.runtime.logs import chapters_of, created_of, read_log
from wfc.runtime.why import Facts, Why, explain
from wfc.worlds.protocol import World

_CHILDREN_MAX: Final = 20
"""Of more, where they stand is not looked up."""


async def why(world: World, run_id: RunId, types: codec.Types) -> Why | None:
    """Say why a run is where it is; None if there is none of this id."""
    found = await facts_of(world, run_id, types)
    return None if found is None else explain(found)


async def facts_of(world: World, run_id: RunId, types: codec.Types) -> Facts | None:
    """Gather what is known of a run; None if there is none of this id.

    A log that cannot be read is a reason, too: then the run stands as if it was marked so.
    """
    # The row is read after the log, so of a run that ends meanwhile it is the end that is told.
    if await world.run(run_id) is None:
        return None
    try:
        log: Sequence[Recorded] = await read_log(world, run_id, veiled=True)
        state, trouble = fold(log), None
    except LogError as problem:
        log, state, trouble = (), State(), str(problem).partition("\n")[0]
    run = await world.run(run_id)
    if run is None:
        return None  # `gc` has just taken it
    if trouble is not None and run.blocked is None:
        run = replace(run, blocked=trouble)
    children = {
        name: child for name, child in state.children.items() if isinstance(child, ChildCreated)
    }
    return Facts(
        run=run,
        now=world.now_us(),
        last_event_at=state.last_recorded_at or run.created_at,
        steps=state.steps,
        hooks=state.hooks,
        waits=state.waits,
        children=children,
        runs_of_children=await _runs(world, [child.run_id for child in children.values()]),
        workers=() if run.status.ended else await world.workers(),
        version_held=run.status.ended
        or any(row.version == run.version for row in await world.versions()),
        takes={
            name: takes
            for name, hook in state.hooks.items()
            if hook.status is HookStatus.ACTIVE and (takes := _takes(hook, types)) is not None
        },
        standings=() if run.status.ended else await world.standings(run_id),
        cancel_request=state.cancel_request,
        deadline=_deadline(log),
        **_of_events(log, state),
    )


async def _runs(world: World, run_ids: Iterable[RunId]) -> dict[RunId, Run]:
    found = {}
    for run_id in list(run_ids)[:_CHILDREN_MAX]:
        row = await world.run(run_id)
        if row is not None:
            found[run_id] = row
    return found


def _of_events(log: Sequence[Recorded], state: State) -> dict[str, Any]:
    """Pick what no view keeps: who began a body, why one failed, who paused or cancelled."""
    started_by: dict[OperationId, WorkerId] = {}
    errors: dict[OperationId, bytes] = {}
    facts: dict[str, Any] = {"started_by": started_by, "errors": errors}
    renames = state.law.renames
    for each in log:
        event = each.event
        if isinstance(event, StepStarted | StepRetrying):
            name = event.operation_id if renames is None else renames.operation(event.operation_id)
            if isinstance(event, StepStarted):
                started_by[name] = event.worker_id
            else:
                errors[name] = event.error
        elif isinstance(event, RunPaused):
            facts |= {"pause": event, "paused_at": each.recorded_at}
        elif isinstance(event, RunCancelRequested) and "cancelled_at" not in facts:
            facts["cancelled_at"] = each.recorded_at
    return facts


def _deadline(log: Sequence[Recorded]) -> int | None:
    """Give the instant at which the chapter has taken longer than the run's timeout."""
    if not log:
        return None
    created, began = created_of(log), chapters_of(log)[-1][0].recorded_at
    if created.timeout_s is None:
        return None
    return max(began, created.not_before or 0) + round(created.timeout_s * MICROSECONDS)


def _takes(hook: Hook, types: codec.Types) -> str | None:
    """Name the type of a hook's payloads, where it has a name."""
    if hook.schema is None:
        return None
    try:
        found = codec.decode(hook.schema, types=types)
    except (CodecError, LogError):
        return None
    schema = found.get("json") if isinstance(found, dict) else None
    name = schema.get("title") if isinstance(schema, dict) else None
    return name if isinstance(name, str) else None
