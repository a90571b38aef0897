"""Every value that the functions and methods of `wfc.api` give back."""

from wfc.eventlog.entity import HookStatus, RunStatus, StepStatus
from wfc.eventlog.event import HookKind
from wfc.runtime.answers import (
    CancelAnswer,
    HookSummary,
    Page,
    Receipt,
    Recorded,
    RunSummary,
    Step,
)
from wfc.runtime.attempt import StepMetadata
from wfc.runtime.hooks import Conflict
from wfc.runtime.metadata import Woke, WorkflowMetadata

__all__ = [
    "CancelAnswer",
    "Conflict",
    "HookKind",
    "HookStatus",
    "HookSummary",
    "Page",
    "Receipt",
    "Recorded",
    "RunStatus",
    "RunSummary",
    "Step",
    "StepMetadata",
    "StepStatus",
    "Woke",
    "WorkflowMetadata",
]
