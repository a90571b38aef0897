"""Open operations: what each kind takes for an answer. A new kind of operation is a new class
here.

`take` is given every event that names the operation while it is open. It answers None, or says
how the event contradicts what the code asked for.
"""

from __future__ import annotations

import asyncio
from types import CodeType
from typing import Any, Final, NamedTuple, Protocol

from wfc.eventlog.event import (
    AttributesSet,
    Event,
    Recorded,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from wfc.runtime.operations import AttributesAsked, Operation, StepAsked, WaitAsked

Place = tuple[CodeType, int]
"""A code object and the instruction it is at: cheap to keep, and lines are worked out of it."""

Ending = StepCompleted | StepFailed | WaitCompleted
"""The events that end an operation that code awaits."""

KIND: Final = "WFC652"
INPUT: Final = "WFC653"


class Problem(NamedTuple):
    """How an event contradicts what the code asked for: the rule of replay, and a sentence."""

    rule: str
    text: str


WRONG_KIND: Final = Problem(KIND, "another kind of operation was recorded under this name")


class Ready(Protocol):
    """A loop, as far as a timer needs it."""

    def schedule(self, handle: asyncio.Handle) -> None:
        """Run `handle` after all that is scheduled already."""
        ...


class Pending:
    """Base of open operations. `position` is the event in whose turn it was asked for."""

    __slots__ = ("known", "operation", "place", "position")

    def __init__(self, operation: Operation, position: int, place: Place | None) -> None:
        """Keep the operation and where in the code it was asked for."""
        self.operation: Any = operation
        self.position = position
        self.known = False  # whether the log mentions it already
        self.place = place

    @property
    def wakes(self) -> bool:
        """Whether an answer lets code go on: if no open operation does, the run is deadlocked."""
        return True

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:
        """Take an event that names this operation; tell what contradicts it.

        Without `compare` the event stands, whatever the code would ask with now.
        """
        raise NotImplementedError

    def over(self, event: Event) -> bool:
        """Tell whether `event` ends the operation."""
        raise NotImplementedError


class PendingStep(Pending):
    """A step that the code awaits."""

    __slots__ = ("answer",)
    operation: StepAsked

    def __init__(
        self,
        operation: StepAsked,
        position: int,
        place: Place | None,
        answer: asyncio.Future[StepCompleted | StepFailed],
    ) -> None:
        """Resolve `answer` with the event that ends the step."""
        super().__init__(operation, position, place)
        self.answer = answer

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:
        """Compare what was recorded with what was asked; an outcome wakes the code."""
        event = recorded.event
        problem: Problem | None = None
        match event:
            case StepCompleted() | StepFailed():
                if compare and event.created is not None:
                    problem = contradiction(event.created, self.operation)
                if problem is None and not self.answer.done():
                    self.answer.set_result(event)
            case StepCreated() | StepRetrying(created=StepCreated()):
                created = event if isinstance(event, StepCreated) else event.created
                if compare and created is not None:
                    problem = contradiction(created, self.operation)
            case StepStarted() | StepRetrying():
                pass
            case _:
                return WRONG_KIND
        return problem

    def over(self, event: Event) -> bool:
        """Tell whether the step has its outcome."""
        return isinstance(event, StepCompleted | StepFailed)


class PendingWait(Pending):
    """A sleep that the code awaits."""

    __slots__ = ("answer",)
    operation: WaitAsked

    def __init__(
        self,
        operation: WaitAsked,
        position: int,
        place: Place | None,
        answer: asyncio.Future[WaitCompleted],
    ) -> None:
        """Resolve `answer` with the event that ends the wait."""
        super().__init__(operation, position, place)
        self.answer = answer

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:  # noqa: ARG002
        """Wake the code when the wait is over."""
        event = recorded.event
        match event:
            case WaitCompleted():
                if not self.answer.done():
                    self.answer.set_result(event)
                return None
            case WaitCreated():
                return None
        return WRONG_KIND

    def over(self, event: Event) -> bool:
        """Tell whether the wait is over."""
        return isinstance(event, WaitCompleted)


class PendingTimer(Pending):
    """A timer of the loop: a timeout, or a callback to be called later."""

    __slots__ = ("loop", "timer")
    operation: WaitAsked

    def __init__(
        self,
        operation: WaitAsked,
        position: int,
        timer: asyncio.TimerHandle,
        loop: Ready,
    ) -> None:
        """Schedule `timer` on `loop` when the wait is over."""
        super().__init__(operation, position, None)
        self.timer = timer
        self.loop = loop

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:  # noqa: ARG002
        """Run the callback when the wait is over."""
        match recorded.event:
            case WaitCompleted():
                self.loop.schedule(self.timer)
                return None
            case WaitCreated():
                return None
        return WRONG_KIND

    def over(self, event: Event) -> bool:
        """Tell whether the wait is over."""
        return isinstance(event, WaitCompleted)


class PendingAttributes(Pending):
    """Attributes that the code has set and nobody waits for."""

    __slots__ = ()
    operation: AttributesAsked

    @property
    def wakes(self) -> bool:
        """Nobody waits for it."""
        return False

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:
        """Compare the changes."""
        event = recorded.event
        if not isinstance(event, AttributesSet):
            return WRONG_KIND
        if compare and dict(event.changes) != dict(self.operation.changes):
            return Problem(INPUT, f"other attributes were recorded: {dict(event.changes)!r}")
        return None

    def over(self, event: Event) -> bool:
        """Tell whether the attributes are written."""
        return isinstance(event, AttributesSet)


def contradiction(created: StepCreated, asked: StepAsked) -> Problem | None:
    """Tell how the recorded call of a step differs from the one that was asked for."""
    if created.step != asked.step:
        return Problem(
            KIND, f"the step {created.step} was recorded, and the code calls {asked.step}"
        )
    if created.digest != asked.digest and created.digest is not None and asked.digest is not None:
        return Problem(INPUT, f"{asked.step} was recorded with other arguments")
    return None
