"""Which turns of a run have been heard before: the lines that their code makes are dropped now.

Turns through the event at `heard_until` ran where somebody wrote their lines down. If a lost owner
may have gone further, `quiet_until` is how long the log was when the execution was made, and only
its last turn is taken for a new one.
"""

from __future__ import annotations

import logging
import math
from typing import Final

from wfc.eventlog.event import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    HookConflicted,
    HookReceived,
    RunCancelRequested,
    StepCompleted,
    StepFailed,
    WaitCompleted,
)
from wfc.runtime.state import State

_LOG: Final = logging.getLogger("wfc.workflow")
ENDS: Final = frozenset({StepCompleted, StepFailed, WaitCompleted})
"""The events that end an operation that code awaits."""
_RUNNING: Final = frozenset(
    {
        *ENDS,
        ChildCreated,
        ChildCompleted,
        ChildFailed,
        HookReceived,
        HookConflicted,
        RunCancelRequested,
    }
)


def replaying(state: State) -> bool:
    """Tell whether the present turn ran before, so that its output was seen already."""
    heard_until = state.heard_until
    if heard_until is not None and (state.position <= heard_until or state.quiet_until is None):
        return state.position <= heard_until
    quiet_until = state.quiet_until or 0
    if state.position > quiet_until:
        return False
    if state.live_from is None:
        state.live_from = _last_turn(state, quiet_until)
    return state.position < state.live_from


def _last_turn(state: State, quiet_until: int) -> float:
    """Give the position of the last event of the recorded history that makes code run."""
    if state.batch and state.batch[-1].position < quiet_until:
        return math.inf  # more of the history follows in another delivery
    for each in reversed(state.batch):
        if each.position <= quiet_until and type(each.event) in _RUNNING:
            return each.position
    return state.opening.position


def say(state: State, level: int, text: str, error: BaseException | None = None) -> None:
    """Write a live line of the run; a line that a replay makes again is dropped."""
    if state.alive and not replaying(state):
        _LOG.log(level, "%s", text, exc_info=error, extra=labels(state))


def labels(state: State) -> dict[str, str]:
    """Give the extra fields of the run's log lines."""
    return {
        "run_id": state.run_id,
        "workflow": state.template.workflow,
        "version": state.template.version,
    }
