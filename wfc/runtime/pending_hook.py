"""A hook that is open: what came for it and nobody has taken yet, and who waits for more."""

from __future__ import annotations

import asyncio
from collections import deque

from wfc.eventlog.event import (
    Event,
    HookConflicted,
    HookCreated,
    HookDisposed,
    HookReceived,
    Recorded,
)
from wfc.ids import RunId
from wfc.runtime.operations import HookAsked
from wfc.runtime.pending import KIND, WRONG_KIND, Pending, Place, Problem


class PendingHook(Pending):
    """A hook of the code. It stays open, whether or not anybody waits, until it is disposed.

    Payloads are taken by whoever runs first, as from an `asyncio.Queue`; a waiter that is woken and
    cancelled at once passes its turn on, so none is lost.
    """

    __slots__ = ("chosen", "created", "curious", "disposed", "owner_run_id", "payloads", "waiters")
    operation: HookAsked

    def __init__(
        self,
        operation: HookAsked,
        position: int,
        place: Place | None,
        recorded: HookCreated | None = None,
        chosen: str | None = None,
    ) -> None:
        """Be empty. `recorded` is what the log says of it, if it was made before; `chosen` is the
        token that the code gave, if it gave one.
        """
        super().__init__(operation, position, place)
        self.chosen = chosen
        self.created = recorded or operation.created
        self.payloads: deque[bytes] = deque()
        self.waiters: deque[asyncio.Future[None]] = deque()
        self.curious: list[asyncio.Future[None]] = []
        """Who waits to hear whether the token is taken."""
        self.disposed = False
        self.owner_run_id: RunId | None = None
        """Who has the token; None while it is ours."""

    @property
    def wakes(self) -> bool:
        """A payload that nobody waits for lets no code go on."""
        return bool(self.waiters or self.curious)

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:  # noqa: ARG002 - tokens are never compared
        """Keep a payload for whoever waits; hear of the beginning and of the end."""
        match recorded.event:
            case HookReceived(payload=payload):
                self.payloads.append(payload)
                self.wake_next()
            case HookCreated() as created:
                if created.kind is not self.operation.created.kind:
                    return Problem(KIND, f"a {created.kind.value} was recorded under this name")
                self.created = created
                self._answer_curious()
            case HookDisposed():
                self.end()
            case HookConflicted(owner_run_id=owner):
                self.owner_run_id = owner
                self._answer_curious()
                self.wake_all()
            case _:
                return WRONG_KIND
        return None

    def over(self, event: Event) -> bool:
        """Tell whether nothing can come any more."""
        return isinstance(event, HookDisposed | HookConflicted)

    def end(self) -> None:
        """Take no more; what came before may still be taken."""
        self.disposed = True
        self._answer_curious()
        self.wake_all()

    def wake_next(self) -> None:
        """Let one waiter look."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def wake_all(self) -> None:
        """Let every waiter look."""
        while self.waiters:
            self.wake_next()

    def _answer_curious(self) -> None:
        curious, self.curious = self.curious, []
        for waiter in curious:
            if not waiter.done():
                waiter.set_result(None)
