"""Where a run and its operations stand: small numbers instead of payloads.

Kept for the whole life of a live run, so what has ended must cost next to nothing.
"""

from __future__ import annotations

from typing import Any, Final

from wfc.eventlog.event import Event, RunCancelled, RunCompleted, RunFailed, RunUpgraded
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, VersionId

# Where a step stands is one number: an attempt times 8, plus one of these. The attempt is the last
# that counts (pending), the one under way (running), or the last one there was (ended).
PENDING: Final = 1
RUNNING: Final = 2
COMPLETED: Final = 3
FAILED: Final = 4
CANCELLED: Final = 5
STEP_WORDS: Final = ("", "pending", "running", "completed", "failed", "cancelled")
BITS: Final = 3
_MASK: Final = 7

ACTIVE: Final = 1
DISPOSED: Final = 2
CONFLICTED: Final = 3
HOOK_WORDS: Final = ("", "active", "disposed", "conflicted")

NONE: Final[dict[OperationId, Any]] = {}
"""Stands for every empty table and is never written to: most runs need two of the five."""


def standing(status: int, attempt: int) -> int:
    """Write where a step stands as one number."""
    return attempt << BITS | status


def status_of(number: int) -> int:
    """Read the status from where a step stands."""
    return number & _MASK


def attempt_of(number: int) -> int:
    """Read the attempt from where a step stands."""
    return number >> BITS


class Standing:
    """Where a run and the operations of its present chapter stand."""

    __slots__ = (
        "cancel_requested", "chapter", "children", "end", "hooks", "length", "renames", "spent",
        "started", "steps", "version", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin before the first event."""
        self.length = 0
        """The position of the last event; who takes events in keeps it."""
        self.version: VersionId | None = None
        """None before `run_created`."""
        self.chapter = 1
        self.started = False
        self.cancel_requested = False
        self.renames: Renames | None = None
        """The upgrades of the present chapter, if there were any that renamed operations."""
        self.end: RunCompleted | RunFailed | RunCancelled | None = None
        self.steps: dict[OperationId, int] = {}
        self.spent: dict[OperationId, int] = NONE
        """Attempts of steps that an upgrade set back to none: their numbers go on."""
        self.waits: dict[OperationId, bool] = NONE
        """Whether a wait still waits."""
        self.hooks: dict[OperationId, int] = NONE
        self.children: dict[OperationId, type[Event]] = NONE
        """The last event of a child run."""

    def step(self, name: OperationId) -> int:
        """Give where a step stands, 0 if the log does not know it."""
        return self.steps.get(name, 0)

    def wait(self, name: OperationId) -> bool | None:
        """Tell whether a wait still waits; None: the log does not know it."""
        return self.waits.get(name)

    def hook(self, name: OperationId) -> int:
        """Give where a hook stands, 0 if the log does not know it."""
        return self.hooks.get(name, 0)

    def child(self, name: OperationId) -> type[Event] | None:
        """Give the last event of a child run, None if the log does not know it."""
        return self.children.get(name)

    def spent_on(self, name: OperationId) -> int:
        """Give the attempts that an upgrade took back from a step."""
        return self.spent.get(name, 0)

    def take_back(self, name: OperationId) -> None:
        """Set an operation back to none; the attempts of a step stay spent."""
        number = self.step(name)
        if number:
            self.spent = {**self.spent, name: attempt_of(number)}
        for table in (self.steps, self.waits, self.hooks, self.children):
            table.pop(name, None)

    def reopen_hook(self, name: OperationId) -> None:
        """Take the end of a hook back, and not the hook: what came for it was acknowledged."""
        self.hooks = {**self.hooks, name: ACTIVE}

    def rename(self, event: RunUpgraded) -> None:
        """Call the operations what the code calls them that the run moves to."""
        if not event.site_map and self.renames is None:
            return
        # A new one: who drafts what may follow shares the present one with what is true.
        self.renames = Renames(self.renames.upgrades if self.renames is not None else ())
        self.renames.note(event)
        for name in ("steps", "spent", "waits", "hooks", "children"):
            table = getattr(self, name)
            if table:
                present = self.renames.operation
                setattr(self, name, {present(key): value for key, value in table.items()})

    def dispose_hooks(self) -> None:
        """End all hooks, as the end of a run does."""
        for name, status in self.hooks.items():
            if status == ACTIVE:
                self.hooks[name] = DISPOSED

    def forget_chapter(self) -> None:
        """Begin a chapter: no operation is known but the hooks that the last one left open."""
        self.steps = {}
        self.renames = None
        left = {name: status for name, status in self.hooks.items() if status == ACTIVE}
        self.hooks = left or NONE
        self.spent = self.waits = self.children = NONE
