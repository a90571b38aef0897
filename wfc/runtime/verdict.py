"""May this run move to that version: the answer, and all that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wfc.diagnostics import Place
from wfc.errors import WfcError
from wfc.ids import DefinitionId, OperationId, RunId, Site, VersionId
from wfc.manifests.levels import Level, Reason

OVER: Final = "WFC680"


class Answer(StrEnum):
    """What becomes of a run."""

    MOVE = "move"  # its history replays on the new version to the head
    STAY = "stay"  # it does not, or need not; the run finishes where it is
    CANNOT = "cannot"  # neither: its own bundle is not held, or does not replay here


class Waiver(StrEnum):
    """What somebody may decide to overlook."""

    INPUTS = "inputs"  # recorded facts stand, whatever the new code would have asked with
    UNFINISHED = "unfinished"  # drop steps that were attempted and that the code asks for no more
    HOOKS = "hooks"  # dispose hooks that the code has no more
    CHILDREN = "children"  # cancel children that the code has no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something else that could be done: `command` does it."""

    name: str  # rerun, fork, waive, keep
    sentence: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation as the log has it or as the code asks for it."""

    operation_id: OperationId
    kind: str  # step, wait, hook, child, attributes
    name: str  # the id of the step or workflow, or the word of the operation
    span: Place | None = None
    arguments: str | None = None
    """By name, as people read them, at most 200 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first event that the new code contradicts."""

    position: int
    event: str
    rule: str  # WFC651 ...
    recorded: Call
    asked: tuple[Call, ...] = ()
    old_span: Place | None = None
    new_span: Place | None = None
    difference: str = ""
    """``cents: 4200 -> 4300``, at most 80 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Truthy if the run may move (or, with `moved`, has moved)."""

    run_id: RunId
    workflow: DefinitionId
    from_version: VersionId
    to_version: VersionId
    moved: bool = False
    is_there: bool = False
    """The run goes on there as it is: it is on that version, or on code of the same meaning, and no
    event has to be written.
    """
    level: Level
    answer: Answer
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    waivable: frozenset[str] = frozenset()
    offers: tuple[Offer, ...] = ()
    replayed: int = 0
    history_length: int = 0
    divergence: Divergence | None = None
    """None: the replay reached the head."""
    ahead: tuple[Site, ...] = ()
    """Changed sites that this run has not reached."""
    site_map: Mapping[Site, Site] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether the answer is to move."""
        return self.answer is Answer.MOVE

    @property
    def is_over(self) -> bool:
        """Tell whether the run has ended so that no version brings it back."""
        return any(one.code == OVER for one in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs with one answer that share a code and a site; `run_ids` are the first five."""

    answer: Answer
    code: str
    site: str
    sentence: str
    count: int
    run_ids: tuple[RunId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """What became of many runs."""

    to_version: VersionId
    moved: int = 0
    there: int = 0
    """Runs that go on on that version as they are, so that none of them was moved."""
    stayed: int = 0
    cannot: int = 0
    rerun: int = 0
    errors: Mapping[RunId, WfcError] = field(default_factory=dict)
    """Runs that were not judged, and why: a log that cannot be read, a run that is held."""
    groups: tuple[Group, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def total(self) -> int:
        """How many runs were looked at."""
        accounted = (self.moved, self.there, self.stayed, self.cannot, self.rerun)
        return sum(accounted) + len(self.errors)
