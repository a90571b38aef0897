"""An owner's plain append: what a run does most, and may take a short way."""

from __future__ import annotations

from typing import Final

from wfc.eventlog.event import (
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)

# An owner's append of these changes nothing but the log and the head of the run.
PLAIN: Final = frozenset(
    {StepCreated, StepStarted, StepRetrying, StepCompleted, StepFailed, WaitCreated, WaitCompleted}
)
