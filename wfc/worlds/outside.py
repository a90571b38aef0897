"""May a fact from outside a run's owner follow its log? Judged under the fact's guard.

The owner of a run has read its chapter and asks `wfc.eventlog.legality` before it writes. Others
have not, so the world asks for them, with the same rules. What the rules want to know is looked up
only where an event needs it: the run and its hooks in their rows, a queued step in its attempt
row, anything else in those events of the log that name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from wfc.eventlog.allowed import refuse
from wfc.eventlog.event import (
    Event,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from wfc.eventlog.legality import Legality
from wfc.eventlog.renames import Renames
from wfc.eventlog.standing import ACTIVE
from wfc.ids import OperationId, VersionId, split_operation_id
from wfc.worlds.protocol import AttemptOf, Guard

WAITS: Final = (RunUpgraded.code, WaitCreated.code, WaitCompleted.code)
"""Codes of the events that say where a wait stands; a world may keep an index of them."""
_ABOUT_STEPS: Final = (
    StepCreated, StepStarted, StepRetrying, StepCompleted, StepFailed, StepCancelled,
)  # fmt: skip


class Look(Protocol):
    """Where a world looks up what an event from outside is about."""

    def hook(self, name: OperationId) -> int:
        """Give where a hook stands by its row, 0 if there is none."""
        ...

    def attempt(self, name: OperationId) -> int | None:
        """Give where a step stands by its attempt row; None if the row does not know it."""
        ...

    def upgrades(self) -> Sequence[RunUpgraded]:
        """Read the upgrades of the run, in order; most have none."""
        ...

    def naming(self, names: Sequence[OperationId], codes: Sequence[int] = ()) -> Sequence[Event]:
        """Read the events of the log that hold one of these names of an operation (or whose bytes
        look so), and all upgrades, in order.

        `codes`: only events of these types are wanted. Payloads may be missing.
        """
        ...


class Outside(Legality):
    """Where a run stands, as far as anybody asks."""

    __slots__ = ("_known", "_look", "_upgrades")

    def __init__(
        self,
        look: Look,
        *,
        length: int,
        version: VersionId,
        chapter: int,
        started: bool,
        cancel_requested: bool,
        end: RunCompleted | RunFailed | RunCancelled | None,
    ) -> None:
        """Stand where the row says."""
        super().__init__()
        self.length, self.version, self.chapter = length, version, chapter
        self.started, self.cancel_requested, self.end = started, cancel_requested, end
        self._upgrades = tuple(look.upgrades())
        self.renames = Renames(self._upgrades) or None
        self._look = look
        self._known: dict[OperationId, Legality] = {}

    def step(self, name: OperationId) -> int:
        """Give where a step stands."""
        if not self._is_present(name):
            return 0
        number = self._look.attempt(name)
        return self._told(name).step(name) if number is None else number

    def wait(self, name: OperationId) -> bool | None:
        """Tell whether a wait still waits."""
        return self._told(name, WAITS).wait(name) if self._is_present(name) else None

    def hook(self, name: OperationId) -> int:
        """Give where a hook stands; of earlier chapters only what they left open counts."""
        status = self._look.hook(name)
        return status if status == ACTIVE or self._is_present(name) else 0

    def child(self, name: OperationId) -> type[Event] | None:
        """Give the last event of a child run."""
        return self._told(name).child(name) if self._is_present(name) else None

    def spent_on(self, name: OperationId) -> int:
        """Give the attempts that an upgrade took back from a step."""
        return self._told(name).spent_on(name) if self._is_present(name) else 0

    def _is_present(self, name: OperationId) -> bool:
        """Tell whether an operation is of the present chapter: the rules know no other."""
        try:
            return split_operation_id(name)[0] == self.chapter
        except ValueError:
            return False

    def _told(self, name: OperationId, codes: Sequence[int] = ()) -> Legality:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = Legality()
            names = [name] if self.renames is None else self.renames.names_of(name)
            found = list(self._look.naming(names, codes))
            # Those of earlier chapters come first, and tell of other operations.
            others = sum(isinstance(one, RunUpgraded) for one in found) - len(self._upgrades)
            for event in found:
                if isinstance(event, RunUpgraded):
                    others -= 1
                    if others < 0:
                        known.note(event)
                elif getattr(event, "operation_id", "") in names:
                    known.note(event)
        return known


def check(outside: Outside, events: Sequence[Event], guard: Guard) -> None:
    """See that `events` may follow the log. Raises `IllegalEvent`."""
    if isinstance(guard, AttemptOf):
        for event in events:
            if isinstance(event, _ABOUT_STEPS) and event.operation_id != guard.operation_id:
                refuse(outside, event, f"its writer runs an attempt of {guard.operation_id} only")
    outside.check_all(events)


def attempt_standing(events: Sequence[Event], name: OperationId) -> int | None:
    """Say where a step stands by the events that are written with its attempt row, if they tell."""
    told = Legality()
    for event in events:
        if isinstance(event, _ABOUT_STEPS) and event.operation_id == name:
            told.note(event)
    return told.step(name) or None
