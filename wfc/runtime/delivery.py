"""What each kind of event does to an execution: futures are resolved here, code runs after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from wfc.eventlog.event import (
    EVENT_TYPES,
    AttributesSet,
    Event,
    Recorded,
    RunCancelRequested,
    RunCompleted,
    RunUpgraded,
    StepCancelled,
    StepCreated,
)
from wfc.ids import OperationId, split_operation_id
from wfc.runtime.inherited import hear
from wfc.runtime.operations import StepAsked
from wfc.runtime.pending import Pending, Problem, contradiction
from wfc.runtime.state import State, applied


def _answer(state: State, recorded: Recorded) -> None:
    event: Any = recorded.event
    name: OperationId = event.operation_id
    pending = state.pending.get(name)
    if pending is None:
        if not (state.inherited and hear(state, recorded)):
            _unasked(state, recorded, name)
        return
    pending.known = True
    problem = pending.take(recorded)
    if problem is not None and state.overlooks(pending, recorded, problem):
        problem = pending.take(recorded, compare=False)
    if problem is not None:
        state.dispute(recorded, problem)
    elif pending.over(event):
        state.close(name)


def _unasked(state: State, recorded: Recorded, name: OperationId) -> None:
    given_up = state.given_up.get(name)
    if given_up is not None:
        given_up.known = True
        problem = _asked_otherwise(recorded, given_up)
        if problem is not None and not state.overlooks(given_up, recorded, problem):
            state.dispute(recorded, problem)
            return
        if isinstance(recorded.event, StepCancelled) or given_up.over(recorded.event):
            del state.given_up[name]
            state.withdrawn.pop(name, None)
        return
    if split_operation_id(name)[0] == state.chapter and not state.passes_over(recorded, name):
        state.dispute(recorded, None)


def _asked_otherwise(recorded: Recorded, given_up: Pending) -> Problem | None:
    """Compare a step that the code does not wait for any more: it was asked for all the same."""
    event: Any = recorded.event
    created = event if isinstance(event, StepCreated) else getattr(event, "created", None)
    if isinstance(created, StepCreated) and isinstance(given_up.operation, StepAsked):
        return contradiction(created, given_up.operation)
    return None


def _attributes_set(state: State, recorded: Recorded) -> None:
    event = recorded.event
    assert isinstance(event, AttributesSet)
    if event.operation_id is not None:
        _answer(state, recorded)
    state.recorded_attributes = applied(state.recorded_attributes, event.changes)


def _cancel_requested(state: State, recorded: Recorded) -> None:
    event = recorded.event
    assert isinstance(event, RunCancelRequested)
    if state.cancel is None and not event.force:
        state.cancel = event
        if state.main is not None:
            state.main.cancel()


def _upgraded(state: State, recorded: Recorded) -> None:
    event = recorded.event
    assert isinstance(event, RunUpgraded)
    state.in_force = event


def _completed(state: State, recorded: Recorded) -> None:
    if not state.settled:
        state.dispute(recorded, Problem(ENDED, "the run had ended here, and the code goes on"))


ENDED: Final = "WFC656"
CHANGES: Final[dict[type[Event], Callable[[State, Recorded], None]]] = {
    **{
        kind: _answer
        for kind in EVENT_TYPES
        if kind.name.startswith(("step_", "wait_", "hook_", "child_"))
    },
    AttributesSet: _attributes_set,
    RunCancelRequested: _cancel_requested,
    RunUpgraded: _upgraded,
    RunCompleted: _completed,
}
"""By type of event, what it does to the execution that it is delivered to."""
