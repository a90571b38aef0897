"""Every value that the functions and methods of `wfc.api` give back."""

from wfc.eventlog.entity import RunStatus, StepStatus
from wfc.manifests.levels import Level, Reason
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
from wfc.runtime.verdict import (
    Answer,
    Call,
    Divergence,
    Group,
    Offer,
    UpgradeReport,
    Verdict,
)
from wfc.worlds.protocol import Environment

__all__ = [
    "Answer",
    "Call",
    "CancelAnswer",
    "Divergence",
    "Environment",
    "Group",
    "Level",
    "Offer",
    "Page",
    "Reason",
    "Recorded",
    "RunStatus",
    "RunSummary",
    "Step",
    "StepMetadata",
    "StepStatus",
    "UpgradeReport",
    "Verdict",
    "VersionSummary",
    "Woke",
    "WorkflowMetadata",
]
