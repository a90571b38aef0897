"""Every value that the functions and methods of `wfc.api` give back."""

from wfc.eventlog.entity import RunStatus, StepStatus
from wfc.runtime.answers import (
    CancelAnswer,
    Page,
    Recorded,
    RunSummary,
    Step,
    VersionSummary,
)
from wfc.runtime.attempt import StepMetadata
from wfc.runtime.metadata import Woke, WorkflowMetadata
from wfc.worlds.protocol import Environment

__all__ = [
    "CancelAnswer",
    "Environment",
    "Page",
    "Recorded",
    "RunStatus",
    "RunSummary",
    "Step",
    "StepMetadata",
    "StepStatus",
    "VersionSummary",
    "Woke",
    "WorkflowMetadata",
]
