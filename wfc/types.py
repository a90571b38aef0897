"""Every value that the functions and methods of `wfc.api` give back."""

from wfc.eventlog.entity import RunStatus, StepStatus
from wfc.runtime.answers import CancelAnswer, Page, Recorded, RunSummary, Step
from wfc.runtime.attempt import StepMetadata
from wfc.runtime.children import ChildRun
from wfc.runtime.metadata import Woke, WorkflowMetadata

__all__ = [
    "CancelAnswer",
    "ChildRun",
    "Page",
    "Recorded",
    "RunStatus",
    "RunSummary",
    "Step",
    "StepMetadata",
    "StepStatus",
    "Woke",
    "WorkflowMetadata",
]
