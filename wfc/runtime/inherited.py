"""Hooks that earlier chapters left open, and that this one may take over.

Outside knows such a hook by its token alone, so what comes for it goes on coming while the code
begins again. It waits here until the code makes a hook of that token, which then has it all, in the
order of the log.
"""

from __future__ import annotations

from collections import deque

from wfc.eventlog.event import HookDisposed, HookReceived, Recorded, RunCreated, RunRestarted
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId
from wfc.runtime.carried import CarriedHook, hooks_at
from wfc.runtime.operations import HookLeft, StepAsked
from wfc.runtime.pending_hook import PendingHook
from wfc.runtime.state import NONE, State


class Inherited:
    """One of them. Its `heir` is the hook of this chapter that takes it over, if any does."""

    __slots__ = ("chosen", "heir", "name", "payloads", "token")

    def __init__(self, carried: CarriedHook, name: OperationId) -> None:
        """Keep what was left unread; `name` is what the log calls the hook now."""
        self.name = name
        self.chosen, self.token = carried.chosen, carried.token
        self.payloads = deque(carried.payloads)
        self.heir: PendingHook | None = None

    @property
    def claimed(self) -> bool:
        """Tell whether a hook of this chapter stands for it."""
        return self.heir is not None and not self.heir.disposed

    def give_to(self, heir: PendingHook) -> None:
        """Let a hook have what came and comes for this one."""
        self.heir = heir
        heir.payloads, self.payloads = self.payloads, deque()

    def receive(self, payload: bytes) -> None:
        """Take in what was sent before the log says who the heir is."""
        heir = self.heir
        if heir is None or heir.disposed:
            self.payloads.append(payload)
            return
        heir.payloads.append(payload)
        heir.wake_next()


def inherited_by(
    begun: RunCreated | RunRestarted, renames: Renames | None
) -> dict[OperationId, Inherited]:
    """Give what a chapter inherits, by the present names."""
    found: dict[OperationId, Inherited] = NONE
    for one in hooks_at(begun):
        if found is NONE:
            found = {}
        name = one.name if renames is None else renames.operation(one.name)
        found[name] = Inherited(one, name)
    return found


def hear(state: State, recorded: Recorded) -> bool:
    """Take in an event about an inherited hook; False if it is about none."""
    event = recorded.event
    if not isinstance(event, HookReceived | HookDisposed):
        return False
    one = state.inherited.get(event.operation_id)
    if one is None:
        return False
    if isinstance(event, HookReceived):
        one.receive(event.payload)
    else:
        del state.inherited[event.operation_id]
    return True


def claimable(state: State, chosen: str) -> Inherited | None:
    """Give the inherited hook that a hook with this token takes over."""
    return next(
        (one for one in state.inherited.values() if one.chosen == chosen and not one.claimed),
        None,
    )


def unclaimed(state: State) -> tuple[HookLeft, ...]:
    """Give what nobody takes over, once the code waits for more than its steps.

    A chapter may well begin with steps that find out which hooks it needs. A run that waits for
    anything else is suspended, and what it has not taken over by then it does not want.
    """
    if not state.inherited or any(
        isinstance(pending.operation, StepAsked) for pending in state.pending.values()
    ):
        return ()
    return tuple(
        HookLeft(operation_id=name) for name, one in state.inherited.items() if not one.claimed
    )


def leave_open(state: State) -> None:
    """Give everything up as the chapter ends, but for hooks whose token the code has chosen."""
    for pending in list(state.pending.values()):
        if isinstance(pending, PendingHook) and pending.chosen is not None:
            pending.waiters.clear()
            pending.curious.clear()
        elif pending.wakes or isinstance(pending, PendingHook):
            state.withdraw(pending)


def left_open(state: State) -> tuple[CarriedHook, ...]:
    """Give the hooks that the chapter hands on, with what nobody has read."""
    left = [
        CarriedHook(name=one.name, chosen=one.chosen, token=one.token, payloads=tuple(one.payloads))
        for one in state.inherited.values()
        if not one.claimed
    ]
    left += [
        CarriedHook(
            name=name,
            chosen=pending.chosen,
            token=pending.created.token,
            payloads=tuple(pending.payloads),
        )
        for name, pending in state.pending.items()
        if isinstance(pending, PendingHook) and pending.chosen is not None
    ]
    return tuple(left)
