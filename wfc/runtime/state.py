"""What an execution knows, apart from what it does: the run, its code, and its open operations.

Thousands of executions wait at the same time. So everything has a slot, and a table that is nearly
always empty is made when something is to stand in it.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Final

from wfc.errors import Diverged
from wfc.eventlog.event import (
    FailureKind,
    HookCreated,
    Recorded,
    RunCancelRequested,
    RunCreated,
    RunRestarted,
    RunUpgraded,
    Scalar,
)
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId, Site
from wfc.runtime import divergence
from wfc.runtime.carried import attributes_at
from wfc.runtime.draws import Draws
from wfc.runtime.limits import Limits
from wfc.runtime.lines import Said
from wfc.runtime.loop import Loop
from wfc.runtime.namespaces import Namespaces
from wfc.runtime.operations import Operation, Told
from wfc.runtime.pending import Pending, PendingAttributes, Problem
from wfc.runtime.template import Template
from wfc.worlds.chunks import StreamWrite

_WARN_SHARE: Final = 0.8
_NO_POSITIONS: Final[frozenset[int]] = frozenset()
NONE: Final[dict[Any, Any]] = {}
"""Stands for tables that are nearly always empty: who writes makes one. 64 bytes each."""


class State:
    """One chapter of a run as far as it was executed.

    `ended` tells that the last outcome was an end. `heard_until` and `quiet_until` say which of its
    lines were written before: see `wfc.runtime.heard`.
    """

    __slots__ = (
        "__weakref__",
        "ahead",
        "alive",
        "asked",
        "batch",
        "begun",
        "cancel",
        "chapter",
        "counters",
        "created",
        "cursor",
        "drawn",
        "ended",
        "environment",
        "failure",
        "given_up",
        "heard_until",
        "in_force",
        "inherited",
        "left",
        "limits",
        "live_from",
        "loop",
        "main",
        "namespaces",
        "now",
        "on_behalf_of",
        "opening",
        "pending",
        "plans",
        "position",
        "quiet_until",
        "recorded_attributes",
        "renames",
        "restarts_with",
        "run_id",
        "said",
        "seeded",
        "settled",
        "template",
        "told",
        "unequal",
        "variables",
        "warn_at",
        "warned",
        "withdrawn",
    )

    loop: Loop
    live_from: float | None
    in_force: RunCreated | RunRestarted | RunUpgraded
    """What says which version decides now, and the markers that it knows."""
    said: Said | None
    """The lines of live turns that are to be kept, until somebody has them."""
    inherited: dict[OperationId, Any]
    """Hooks that earlier chapters left open: see `wfc.runtime.inherited`."""

    def __init__(  # noqa: PLR0915 - one line per fact
        self,
        template: Template,
        run_id: RunId,
        opening: Recorded,
        limits: Limits,
        *,
        quiet_until: int | None,
        heard_until: int | None,
        renames: Renames | None = None,
        unequal: frozenset[int] = _NO_POSITIONS,
    ) -> None:
        """Stand at the beginning of the chapter that `opening` began."""
        begun = opening.event
        if not isinstance(begun, RunCreated | RunRestarted):
            raise TypeError(f"no chapter begins with {begun.name}")
        self.template = template
        self.plans = template.plans
        self.run_id = run_id
        self.opening = opening
        self.begun: RunCreated | RunRestarted = begun
        self.created: RunCreated | None = begun if isinstance(begun, RunCreated) else None
        """How the run began; in later chapters, if whoever made this execution says so."""
        self.chapter = begun.chapter if isinstance(begun, RunRestarted) else 1
        self.in_force = begun
        self.environment: Mapping[str, str] = begun.environment
        self.recorded_attributes: Mapping[str, Scalar] = attributes_at(begun)
        self.limits, self.renames, self.unequal = limits, renames, unequal
        self.warn_at = opening.position + int(limits.events * _WARN_SHARE)

        # How far it came: the event in whose turn the code is, and the run clock.
        self.position, self.now = opening.position, opening.recorded_at
        self.batch: Sequence[Recorded] = ()
        self.cursor, self.warned = 0, False
        self.ahead: dict[OperationId, HookCreated] | None = None
        """Hooks that this delivery tells of, once somebody has looked."""
        self.quiet_until = quiet_until
        self.heard_until = heard_until
        self.live_from = self.said = None

        # The code.
        self.main: asyncio.Task[Any] | None = None
        self.variables = contextvars.Context()
        self.alive = [True]
        """Empty once no user code may run any more; `context.alive` of our context."""
        self.namespaces: Namespaces | None = None
        self.drawn: Draws | None = None
        self.seeded: random.Random | None = None
        """The generator of `random`, once the code has called `random.seed`."""
        self.on_behalf_of: FrameType | None = None
        """Whose step call it is, while a shim makes one."""

        # What it asks for.
        self.counters: dict[Site, int] = {}
        self.pending: dict[OperationId, Pending] = {}
        self.asked: dict[OperationId, Operation] = NONE
        """Of the open operations, those that became so since the last outcome."""
        self.given_up: dict[OperationId, Pending] = NONE
        """What the code does not wait for any more, and the log may still speak of."""
        self.withdrawn: dict[OperationId, Operation] = NONE
        """Of these, those that were given up since the last outcome."""

        self.told: tuple[Told, ...] = ()
        """What it adds to streams, since the last outcome."""

        # How it ends.
        self.ended = self.settled = False
        """Whether the last outcome was an end, and whether the body has ended."""
        self.left: list[asyncio.Task[Any]] | None = None
        """What the body left behind when it ended."""
        self.cancel: RunCancelRequested | None = None
        self.failure: tuple[BaseException, FailureKind] | None = None
        self.restarts_with: bytes | None = None

    # -- the end of it

    def kill(self) -> None:
        """Let no more user code run: not here, and not where its objects may be freed later."""
        self.alive.clear()
        self.loop.stopped = True
        if self.namespaces is not None:
            self.namespaces.kill()

    def fail(self, error: BaseException, kind: FailureKind) -> None:
        """End the run; no more user code runs."""
        if self.failure is None:
            self.failure = (error, kind)
        self.kill()

    def free(self) -> None:
        """Let go of all that operations hold."""
        self.pending.clear()
        self.given_up = NONE
        self.left = None

    # -- code and history

    def overlooks(self, pending: Pending, recorded: Recorded, problem: Problem) -> bool:  # noqa: ARG002 - others ask more
        """Tell whether an event stands though the code would ask otherwise."""
        return recorded.position in self.unequal

    def passes_over(self, recorded: Recorded, name: OperationId) -> bool:  # noqa: ARG002 - likewise
        """Tell whether the code may do without an operation of the history."""
        return False

    def dispute(self, recorded: Recorded, problem: Problem | None) -> None:
        """End the run: its code contradicts its history. None: it did not ask for this at all."""
        text = None if problem is None else problem.text
        self.fail(Diverged(divergence.describe(self, recorded, text)), FailureKind.DIVERGENCE)

    def misread(self, name: OperationId, error: Exception) -> None:
        """Hear that the code cannot read a recorded result; it gets the error."""

    # -- open operations

    def close(self, name: OperationId) -> None:
        """Take an operation away that is over."""
        del self.pending[name]
        self.asked.pop(name, None)

    def withdraw(self, pending: Pending) -> None:
        """Give an open operation up; what was never asked for beyond this turn leaves no trace."""
        name = pending.operation.operation_id
        if not self.alive or self.pending.get(name) is not pending:
            return
        self.close(name)
        if self.given_up is NONE:
            self.given_up = {}
        self.given_up[name] = pending
        if pending.known or pending.position != self.position:
            if self.withdrawn is NONE:
                self.withdrawn = {}
            self.withdrawn[name] = pending.operation

    def ask_again(self, pending: Pending) -> None:
        """Tell whoever carries it out that the code wants more of an open operation."""
        name = pending.operation.operation_id
        if self.pending.get(name) is pending:
            if self.asked is NONE:
                self.asked = {}
            self.asked[name] = pending.operation

    def tell(self, write: StreamWrite) -> None:
        """Add to a stream by the next commit of the run; the chunks have keys."""
        if self.alive:
            self.told = *self.told, Told(self.position, write)

    def withdraw_all(self) -> None:
        """Give everything up that code could wait for."""
        for pending in [each for each in self.pending.values() if each.wakes]:
            self.withdraw(pending)

    def can_wake(self) -> bool:
        """Tell whether an answer can come that lets the code go on."""
        return any(pending.wakes for pending in self.pending.values())

    @property
    def open(self) -> dict[OperationId, Operation]:
        """What was asked for and is not answered."""
        return {name: pending.operation for name, pending in self.pending.items()}

    def operation(self, name: OperationId) -> Operation | None:
        """Give what was asked for under this name, if it is not answered."""
        pending = self.pending.get(name)
        return None if pending is None else pending.operation

    def waiting(self) -> list[Pending]:
        """List the open operations, for messages."""
        return list(self.pending.values())

    @property
    def attributes(self) -> dict[str, Scalar]:
        """The attributes of the log so far, with what the code has set since."""
        attributes = dict(self.recorded_attributes)
        for pending in self.pending.values():
            if isinstance(pending, PendingAttributes):
                attributes = applied(attributes, pending.operation.changes)
        return attributes


def applied(
    attributes: Mapping[str, Scalar], changes: Mapping[str, Scalar | None]
) -> dict[str, Scalar]:
    """Give the attributes after some changes; None removes one."""
    merged = {**attributes, **changes}
    return {key: value for key, value in merged.items() if value is not None}
