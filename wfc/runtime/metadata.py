"""What workflow code gets to see of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from wfc import codec
from wfc.eventlog.event import Scalar
from wfc.ids import DefinitionId, RunId, VersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowMetadata:
    """The run that the present code belongs to. `parent_id` is None and `root_id` the run itself
    at the top; `attributes` are those of the log so far, with the code's own writes. `workflow` is
    the id that the run was created under, and `version` the one in force at this point of the log:
    after a move, what was asked before it still has the answer that it had.
    """

    run_id: RunId
    chapter: int
    workflow: DefinitionId
    version: VersionId
    started_at: datetime
    attributes: Mapping[str, Scalar]
    parent_id: RunId | None
    root_id: RunId


class Woke(NamedTuple):
    """How a sleep ended: `early` if somebody woke the run before its time."""

    early: bool


# Workflows return them and pass them on, and no manifest holds classes of wfc.
codec.REGISTERED.register_type(WorkflowMetadata)
codec.REGISTERED.register_type(Woke)
