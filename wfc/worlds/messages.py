"""Messages: queued work."""

from __future__ import annotations

from dataclasses import dataclass

from wfc.ids import OperationId, RunId
from wfc.worlds.limits import Gate


@dataclass(frozen=True, slots=True)
class Resume:
    """Something happened to the run, or is due: let its owner look at it."""

    run_id: RunId


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step waits for any worker to run its body."""

    run_id: RunId
    operation_id: OperationId


@dataclass(frozen=True, slots=True)
class Ended:
    """An end callback wants to hear that the run has ended; a worker that has it takes this."""

    run_id: RunId
    callback: str


Message = Resume | Attempt
"""What stands in the queue. Ends stand in a table of their own, by callback: many of them may wait
for a taker that never comes, and no other message is to be looked for behind them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A message and when it may be taken; a higher priority (-100 to 100) goes first.

    An `Attempt` may name a `gate` that it has to pass, and the `queue` of workers that serve it.
    """

    message: Message
    not_before: int = 0
    priority: int = 0
    gate: Gate | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that this worker has taken, and the number by which it says that it is done."""

    message: Message
    receipt: int
