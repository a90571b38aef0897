"""What is said of a run that has ended to whoever wants something of it."""

from __future__ import annotations

from typing import Final

from wfc.errors import RunEnded
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import AttributesSet, Event, RunPaused, RunUnpaused
from wfc.ids import RunId

_REFUSED: Final[dict[type[Event], str]] = {
    AttributesSet: "its attributes stay as they are",
    RunPaused: "there is nothing to pause",
    RunUnpaused: "there is nothing that could go on",
}


def ended(run_id: RunId, fact: Event, status: RunStatus | None = None) -> RunEnded:
    """Say that `fact` cannot be written to a run any more, and what can be done instead."""
    how = "has ended" if status is None or not status.ended else f"is {status.value}"
    refused = _REFUSED.get(type(fact), "nothing can be written to its log")
    return RunEnded(
        f"run {run_id} {how}, so {refused}. Nothing was written.\n"
        f"`wfc rerun {run_id}` begins it again; `wfc fork {run_id} --at STEP` begins a run that "
        "shares what it did before a step."
    )
