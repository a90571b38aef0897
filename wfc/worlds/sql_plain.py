"""An owner's plain append: what a run does most, and may take a short way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from wfc.eventlog.event import (
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
from wfc.ids import RunId
from wfc.worlds import sql_events
from wfc.worlds.protocol import Appended, Owner, Refused
from wfc.worlds.request import Request
from wfc.worlds.sql_append import append
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sql_write import settle
from wfc.worlds.vault import Vault

# An owner's append of these changes nothing but the log and the head of the run.
PLAIN: Final = frozenset(
    {StepCreated, StepStarted, StepRetrying, StepCompleted, StepFailed, WaitCreated, WaitCompleted}
)


class PlainAppend:
    """An owner's append of plain events, encoded before the writer sees it."""

    __slots__ = (
        "answer", "atomic", "blocking", "encoded", "events", "future", "guard", "now_us", "run_id",
        "size",
    )  # fmt: skip

    def __init__(
        self,
        run_id: RunId,
        events: Sequence[Event],
        guard: Owner,
        now_us: int,
        vault: Vault | None = None,
    ) -> None:
        """Prepare everything that needs no transaction; the answer if nothing stands against it."""
        self.run_id, self.events, self.guard, self.now_us = run_id, events, guard, now_us
        recorded = tuple(
            Recorded(position=position, recorded_at=now_us, event=event)
            for position, event in enumerate(events, guard.length + 1)
        )
        self.encoded = sql_events.encode(run_id, recorded, vault)
        self.answer = Appended(recorded=recorded, length=guard.length + len(recorded))
        self.size = self.encoded.size
        self.atomic = True
        self.blocking = False
        self.future: asyncio.Future[Appended | Refused] = asyncio.get_running_loop().create_future()

    def run_in_full(self, transaction: Transaction) -> Appended | Refused:
        """Do it as any other append: the head is not where it should be, or something is queued."""
        request = Request(run_id=self.run_id, events=self.events, guard=self.guard)
        return append(transaction, request)

    def settle(self, answer: Any) -> None:
        """Resolve the future."""
        settle(self.future, answer)
