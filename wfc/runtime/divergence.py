"""What to say when code and history disagree, or when the code waits for nothing."""

from __future__ import annotations

from types import CodeType
from typing import Any, Protocol

from wfc.eventlog.event import Recorded
from wfc.ids import OperationId, RunId, split_operation_id
from wfc.runtime.live import Code
from wfc.runtime.loop import Loop
from wfc.runtime.operations import ChildAsked, HookAsked, Operation, StepAsked, WaitAsked
from wfc.runtime.pending import Pending

_LISTED = 5


class Disputed(Protocol):
    """An execution whose code and history are compared."""

    run_id: RunId

    @property
    def loop(self) -> Loop:
        """Give its loop."""
        ...

    @property
    def template(self) -> Code:
        """Give its code."""
        ...

    @property
    def settled(self) -> bool:
        """Tell whether the code has ended."""
        ...

    def waiting(self) -> list[Pending]:
        """List the open operations."""
        ...


def describe(execution: Disputed, recorded: Recorded, problem: str | None) -> str:
    """Name the event, the recorded call, and what the code asked for instead, with source lines."""
    event: Any = recorded.event
    name: OperationId | None = getattr(event, "operation_id", None)
    lines = [
        f"run {execution.run_id} diverged at event {recorded.position} ({event.name}"
        + (f" of {name}" if name else "")
        + f"): {problem or _unasked(execution)}.",
    ]
    if name is not None:
        lines.append(f"  recorded: {_recorded_call(event)}, {_old_place(execution, name)}")
    waiting = execution.waiting()
    lines += [f"  asked instead: {_asked(each)}" for each in waiting[:_LISTED]]
    if len(waiting) > _LISTED:
        lines.append(f"  and {len(waiting) - _LISTED} more")
    if not waiting:
        lines.append("  asked instead: nothing")
    lines.append(
        "The run needs the code that wrote this history. Nothing was lost: put that code back, or "
        "upgrade the run to a version that agrees with its history."
    )
    return "\n".join(lines)


def stuck(execution: Disputed) -> str:
    """Say where every task of a deadlocked run waits."""
    lines = [
        (
            f"run {execution.run_id} waits for something that nothing can bring about: "
            "no step, sleep, hook or child run is open, and no task can go on."
        )
    ]
    for task in execution.loop.tasks():
        if not task.done():
            lines.append(f"  {task.get_name()} waits at")
            lines += [
                f"    {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
                for frame in task.get_stack()
            ]
    return "\n".join(lines)


def _unasked(execution: Disputed) -> str:
    if execution.settled:
        return "the code ended before it asked for this"
    return "the code did not ask for this"


def _recorded_call(event: Any) -> str:
    created = getattr(event, "created", None) or event
    step = getattr(created, "step", None)
    return f"a call of {step}" if step else f"an operation with the event {event.name}"


def _old_place(execution: Disputed, name: OperationId) -> str:
    site = split_operation_id(name)[1]
    place = execution.template.line_of(site)
    if place is None:
        return f"whose call place {site} is not in this version"
    return f"whose call place {site} is {place} in this version"


def _asked(pending: Pending) -> str:
    line = "" if pending.place is None else f" at {_line(*pending.place)}"
    return f"{_call(pending.operation)}{line}"


def _call(operation: Operation) -> str:
    match operation:
        case StepAsked():
            return f"step {operation.step} as {operation.operation_id}"
        case WaitAsked():
            return f"a wait as {operation.operation_id}"
        case HookAsked():
            return f"a hook as {operation.operation_id}"
        case ChildAsked():
            return f"a child run of {operation.workflow} as {operation.operation_id}"
    return f"attributes as {operation.operation_id}"


def _line(code: CodeType, instruction: int) -> str:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return f"{code.co_filename}:{line}"
    return code.co_filename
