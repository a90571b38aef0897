"""Refuses operations of a chapter that has become too large."""

from __future__ import annotations

import logging

from wfc.errors import LimitExceeded
from wfc.eventlog.event import FailureKind
from wfc.ids import OperationId, split_operation_id
from wfc.runtime import heard
from wfc.runtime.state import State


def check(state: State, asked: OperationId) -> None:
    """Raise `LimitExceeded` if the chapter is too long for one more, or too much is open."""
    limits = state.limits
    if len(state.pending) >= limits.pending:
        raise LimitExceeded(
            f"run {state.run_id} waits for {len(state.pending)} operations at once, and the "
            f"limit is {limits.pending} ([tool.wfc.limits] pending_operations). Gather "
            f"in smaller groups.{_at(state, asked)}"
        )
    if state.position < state.warn_at:
        return
    length = state.position - state.opening.position
    if length < limits.events:
        if not state.warned:
            state.warned = True
            heard.say(
                state,
                logging.WARNING,
                f"the log of this chapter has {length} events; at {limits.events} the "
                "run fails. Call `restart(...)` to begin a new chapter.",
            )
        return
    error = LimitExceeded(
        f"the log of run {state.run_id} has {length} events in this chapter, and the limit is "
        f"{limits.events} ([tool.wfc.limits] events). Call `restart(...)` in an endless "
        f"workflow.{_at(state, asked)}"
    )
    if length >= limits.events + limits.cleanup:
        state.fail(error, FailureKind.LIMIT)
    raise error


def _at(state: State, name: OperationId) -> str:
    """Say where the code asks for an operation, as a sentence's end."""
    line = state.template.line_of(split_operation_id(name)[1])
    return f" At {line}." if line else ""
