"""Which event may come next: the legal transitions of a run's log, without any payload.

`check` asks, `note` takes an event in. A live run keeps one of these for its whole life. The views
of `wfc.eventlog.fold`, the owner of a run and the worlds all ask here, so writer and reader cannot
disagree.
"""

from __future__ import annotations

from collections.abc import Sequence

from wfc.eventlog.allowed import RULES, check_open
from wfc.eventlog.event import Event
from wfc.eventlog.noted import CHANGES
from wfc.eventlog.standing import ACTIVE, DISPOSED, Standing
from wfc.ids import OperationId


class Legality(Standing):
    """Where a run stands, and so what may follow."""

    __slots__ = ("_passed",)

    def __init__(self) -> None:
        """Begin before the first event."""
        super().__init__()
        # What an owner wrote comes back as it was: the event that was found legal, until the next.
        self._passed: Event | None = None

    def check(self, event: Event) -> bool:
        """See that `event` may follow, changing nothing. Raises `IllegalEvent`.

        False: it may, but it is about an operation of an earlier chapter and counts for nothing.
        """
        if event is self._passed:
            return True
        if self.renames is not None:
            event = self.renames.event(event)
        if self.end is not None or self.version is None:
            check_open(self, event)
        rule = RULES[type(event)]
        return rule is None or rule(self, event)

    def check_all(self, events: Sequence[Event]) -> None:
        """See that `events` may follow one after the other. Raises `IllegalEvent`."""
        if len(events) == 1:
            self._passed = events[0] if self.check(events[0]) else None
            return
        draft = _Draft(self)
        for event in events:
            if draft.check(event):
                draft.note(event)
            draft.length += 1

    def note(self, event: Event) -> None:
        """Take in an event for which `check` said True."""
        self._passed = None
        if self.renames is not None:
            event = self.renames.event(event)
        change = CHANGES.get(type(event))
        if change is not None:
            change(self, event)


class _Draft(Legality):
    """What would be true after some events: a thin layer over what is."""

    __slots__ = ("_base", "_hooks_below", "_hooks_disposed", "_taken_back")

    def __init__(self, base: Legality) -> None:
        super().__init__()
        self._base: Legality | None = base
        self._hooks_below = base
        self._taken_back: set[OperationId] = set()
        self._hooks_disposed = False
        self.length = base.length
        self.version, self.chapter, self.started = base.version, base.chapter, base.started
        self.cancel_requested, self.end = base.cancel_requested, base.end
        self.renames = base.renames

    def _below(self, name: OperationId) -> Legality | None:
        return None if name in self._taken_back else self._base

    def step(self, name: OperationId) -> int:
        found = self.steps.get(name, 0)
        below = None if found else self._below(name)
        return found if below is None else below.step(name)

    def wait(self, name: OperationId) -> bool | None:
        found = self.waits.get(name)
        below = None if found is not None else self._below(name)
        return found if below is None else below.wait(name)

    def hook(self, name: OperationId) -> int:
        found = self.hooks.get(name, 0)
        if found or name in self._taken_back:
            return found
        status = self._hooks_below.hook(name)
        if status == ACTIVE:
            return DISPOSED if self._hooks_disposed else ACTIVE
        return 0 if self._base is None else status  # a new chapter knows open hooks alone

    def child(self, name: OperationId) -> type[Event] | None:
        found = self.children.get(name)
        below = None if found is not None else self._below(name)
        return found if below is None else below.child(name)

    def spent_on(self, name: OperationId) -> int:
        found = self.spent.get(name, 0)
        return found if found or self._base is None else self._base.spent_on(name)

    def take_back(self, name: OperationId) -> None:
        super().take_back(name)
        self._taken_back.add(name)

    def dispose_hooks(self) -> None:
        super().dispose_hooks()
        self._hooks_disposed = True

    def forget_chapter(self) -> None:
        self._taken_back.update(name for name, status in self.hooks.items() if status != ACTIVE)
        super().forget_chapter()
        self._base = None
