"""Every value that the functions and methods of `wfc.api` give back."""

from wfc.eventlog.entity import HookStatus, RunStatus, StepStatus
from wfc.eventlog.event import HookKind
from wfc.manifests.levels import Level, Reason
from wfc.runtime.answers import (
    CancelAnswer,
    HookSummary,
    Page,
    PauseAnswer,
    Receipt,
    Recorded,
    RunEnd,
    RunSummary,
    Step,
    VersionSummary,
)
from wfc.runtime.attempt import StepMetadata
from wfc.runtime.children import ChildRun
from wfc.runtime.hooks import Conflict
from wfc.runtime.metadata import Woke, WorkflowMetadata
from wfc.runtime.schedules import Schedule
from wfc.runtime.streams import Chunk, ChunkKind, Stream
from wfc.runtime.verdict import (
    Answer,
    Call,
    Divergence,
    Group,
    Offer,
    UpgradeReport,
    Verdict,
)
from wfc.runtime.why import Why, WhyKind
from wfc.worlds.protocol import Environment

__all__ = [
    "Answer",
    "Call",
    "CancelAnswer",
    "ChildRun",
    "Chunk",
    "ChunkKind",
    "Conflict",
    "Divergence",
    "Environment",
    "Group",
    "HookKind",
    "HookStatus",
    "HookSummary",
    "Level",
    "Offer",
    "Page",
    "PauseAnswer",
    "Reason",
    "Receipt",
    "Recorded",
    "RunEnd",
    "RunStatus",
    "RunSummary",
    "Schedule",
    "Step",
    "StepMetadata",
    "StepStatus",
    "Stream",
    "UpgradeReport",
    "Verdict",
    "VersionSummary",
    "Why",
    "WhyKind",
    "Woke",
    "WorkflowMetadata",
]
