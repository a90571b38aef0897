"""A run's log as its present code must see it: upgrades change what earlier events are called, and
take some of them back.

The log itself stays as it was written. A reader learns of the upgrades first, then gives events; an
upgrade that turns up behind events which were given already means to begin again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Self

from wfc.eventlog.event import (
    AttributesSet,
    ChildCreated,
    HookCreated,
    HookReceived,
    Recorded,
    RunRestarted,
    RunUpgraded,
    StepCreated,
)
from wfc.eventlog.renames import Renames
from wfc.ids import DefinitionId, OperationId
from wfc.manifests.rename_hints import NO_HINTS, RenameHints

_TURNS: Final = frozenset({RunUpgraded, RunRestarted})
_NO_POSITIONS: Final[frozenset[int]] = frozenset()  # one for all: each would take 216 bytes


class Reading:
    """The upgrades of a run's present chapter, and events read through them."""

    def __init__(self) -> None:
        """Know of no upgrade."""
        self._upgrades: list[tuple[int, RunUpgraded]] = []
        self._chapter = 0
        """The position at which the present chapter began, as far as is known."""
        self.renames: Renames | None = None
        """None: no operation has changed its name."""
        self.hints = NO_HINTS
        """What the present code calls steps that older versions called otherwise."""
        self.unequal = _NO_POSITIONS
        """Positions of events that stand though the code would ask otherwise."""
        self.accepted = _NO_POSITIONS
        """Those of them that somebody decided to overlook; others are compared at each move."""

    @property
    def begins(self) -> int:
        """Where the present chapter begins, as far as is known."""
        return self._chapter or 1

    @classmethod
    def of(cls, chapter: Sequence[Recorded], hints: RenameHints = NO_HINTS) -> Self:
        """Know all upgrades of a chapter, and what the present code calls things."""
        reading = cls()
        reading.learn(chapter)
        reading.hints = hints
        return reading

    def learn(self, page: Sequence[Recorded]) -> bool:
        """Take in the upgrades of a page; tell whether any is new."""
        before = len(self._upgrades), self._chapter
        last = self._upgrades[-1][0] if self._upgrades else self._chapter
        for each in page:
            if type(each.event) not in _TURNS or each.position <= last:
                continue
            if isinstance(each.event, RunUpgraded):
                self._upgrades.append((each.position, each.event))
            else:
                # What came before is of an earlier chapter, whose events count for nothing.
                self._upgrades, self._chapter = [], each.position
        if before == (len(self._upgrades), self._chapter):
            return False
        renames = Renames(event for _, event in self._upgrades)
        self.renames = renames or None
        self.unequal = (
            _NO_POSITIONS.union(*(event.unequal for _, event in self._upgrades)) or _NO_POSITIONS
        )
        self.accepted = (
            _NO_POSITIONS.union(*(event.accepted for _, event in self._upgrades)) or _NO_POSITIONS
        )
        return bool(self._upgrades)

    def read(self, page: Sequence[Recorded]) -> Sequence[Recorded]:
        """Give the events of a page as the present code must see them."""
        if not self._upgrades:
            return page
        found = page
        for position, upgrade in self._upgrades:
            found = _through(found, position, upgrade)
        return [_hinted(each, self.hints) for each in found] if self.hints else found


_OF_OPEN_HOOKS: Final = (HookCreated, HookReceived)
"""Of a hook only the disposal is retracted: what came for it was acknowledged."""


def _through(page: Sequence[Recorded], position: int, upgrade: RunUpgraded) -> list[Recorded]:
    """Read events through one upgrade: those before it lose what it took back."""
    taken = frozenset((*upgrade.withdrawn, *upgrade.retracted))
    retracted = frozenset(upgrade.retracted)
    renames = Renames((upgrade,))
    found: list[Recorded] = []
    for each in page:
        event: Any = each.event
        name: OperationId | None = getattr(event, "operation_id", None)
        if (
            taken
            and each.position < position
            and name in taken
            and not (name in retracted and isinstance(event, _OF_OPEN_HOOKS))
        ):
            if not isinstance(event, AttributesSet):
                continue
            # The code writes it no more. What was written stands, as if outside had written it.
            event = replace(event, operation_id=None)
        present = renames.event(event)
        if present is not each.event:
            each = Recorded(  # noqa: PLW2901 - as it is from here on
                position=each.position, recorded_at=each.recorded_at, event=present
            )
        found.append(each)
    return found


def _hinted(each: Recorded, hints: RenameHints) -> Recorded:
    """Call the step or child of an event, or of its creation, by its present id."""
    event: Any = each.event
    if isinstance(event, ChildCreated):
        workflow = DefinitionId(hints.definition(event.workflow))
        same = workflow == event.workflow
        return each if same else replace(each, event=replace(event, workflow=workflow))
    created = event if isinstance(event, StepCreated) else getattr(event, "created", None)
    if not isinstance(created, StepCreated):
        return each
    step = hints.definition(created.step)
    if step == created.step:
        return each
    present = replace(created, step=DefinitionId(step))
    return replace(each, event=present if event is created else replace(event, created=present))
