"""Who passes the gates: by priority, then age; all of one's gates at once, or none of them.

It is decided in the transaction of whatever changes something: a run begins, wakes, rests or ends,
a step is queued or answered, a limit is raised. So a slot that is free while somebody could have it
is never seen from outside, except of a rate, whose time passes without anybody writing: the first
one in the line is then called at that instant.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from wfc.worlds.limits import Claimant, Gate, Limit, SlotState


@dataclass(slots=True, kw_only=True)
class SlotRow:
    """A claimant at a gate. Lower `rank` goes first, then the earlier `since`, then `number`.

    `paid`: it has used its share of the rate, which a slot that is given back and wanted again does
    not cost once more.
    """

    number: int
    claimant: Claimant
    gate: Gate
    state: SlotState
    paid: bool
    rank: int
    since: int


class Book(Protocol):
    """Where a world keeps its gates."""

    def limit(self, name: str) -> Limit | None:
        """Give a limit; what has none is not limited."""
        ...

    def held(self, gate: Gate) -> int:
        """Count the slots that are taken."""
        ...

    def spent_until(self, gate: Gate) -> int:
        """Give until when the rate is used up, 0 if it never was."""
        ...

    def spend(self, gate: Gate, until: int) -> None:
        """Note until when the rate is used up."""
        ...

    def waiting(self, gate: Gate, *, paid: bool) -> Iterator[SlotRow]:
        """Give those that wait and have paid, or have not, in order; rows may change meanwhile."""
        ...

    def rows_of(self, claimant: Claimant) -> list[SlotRow]:
        """Give the rows of a claimant, one per gate."""
        ...

    def put(self, row: SlotRow) -> None:
        """Write state and payment of a row."""
        ...

    def remove(self, claimant: Claimant) -> None:
        """Forget a claimant."""
        ...

    def may_go(self, claimant: Claimant) -> bool:
        """Tell whether a worker could take the claimant now: it is neither halted nor delayed."""
        ...

    def call(self, claimant: Claimant, at: int) -> None:
        """Let a worker take the claimant at an instant; there it knocks again, if it must."""
        ...


class Admission:
    """Decides over one book, at one instant."""

    def __init__(self, book: Book, now_us: int) -> None:
        """Begin to decide."""
        self._book = book
        self._now = now_us
        self._asker: Claimant | None = None

    def knock(self, claimant: Claimant) -> bool:
        """Wait at all gates whose slot the claimant lacks; tell whether it has passed them all.

        Who was passed over is called in its turn; the claimant itself is not, if it passes now.
        """
        lacking = [row for row in self._book.rows_of(claimant) if row.state is not SlotState.HELD]
        for row in lacking:
            row.state = SlotState.WAITING
            self._book.put(row)
        if not lacking:
            return True
        self._asker = claimant
        self.admit(row.gate for row in lacking)
        self._asker = None
        return self.holds(claimant)

    def holds(self, claimant: Claimant) -> bool:
        """Tell whether the claimant has the slots of all its gates."""
        return all(row.state is SlotState.HELD for row in self._book.rows_of(claimant))

    def rest(
        self, claimant: Claimant, which: Callable[[SlotRow], bool] = lambda _row: True
    ) -> None:
        """Give slots back and wait for none, but stay known at the gates."""
        # One that only waited may have been the one that is called when a rate lets the next pass.
        rows = [
            row
            for row in self._book.rows_of(claimant)
            if row.state is not SlotState.ASLEEP and which(row)
        ]
        for row in rows:
            row.state = SlotState.ASLEEP
            self._book.put(row)
        self.admit(row.gate for row in rows)

    def rest_if_active(self, claimant: Claimant) -> None:
        """Give those slots back that are for the active only."""
        limit_of = self._book.limit
        self.rest(
            claimant, lambda row: (one := limit_of(row.gate.limit)) is not None and one.active
        )

    def call(self, claimant: Claimant) -> None:
        """Let a worker take a claimant now; there it knocks."""
        self._book.call(claimant, self._now)

    def leave(self, claimant: Claimant) -> None:
        """Give slots back for good."""
        rows = self._book.rows_of(claimant)
        self._book.remove(claimant)
        self.admit(row.gate for row in rows if row.state is not SlotState.ASLEEP)

    def admit(self, gates: Iterable[Gate]) -> int:
        """Let in whoever may pass these gates; give how many there were."""
        return sum(self._admit(gate) for gate in list(gates))

    def _admit(self, gate: Gate) -> int:
        book, admitted = self._book, 0
        shut: set[Gate] = set()
        every = (book.waiting(gate, paid=True), book.waiting(gate, paid=False))
        for row in heapq.merge(*every, key=place_of):
            if not self._has_room(gate):
                return admitted
            admitted += self._let_in(row.claimant, shut)
            if gate in shut:
                break
        else:
            return admitted
        # The rate is used up, and those who have paid for it already may still go.
        for row in book.waiting(gate, paid=True):
            if not self._has_room(gate):
                break
            admitted += self._let_in(row.claimant, shut)
        return admitted

    def _let_in(self, claimant: Claimant, shut: set[Gate]) -> bool:
        """Admit a claimant if all its gates have room. Those whose rate is used up go into `shut`;
        the first one that finds a gate so is called when it opens.
        """
        book = self._book
        if not book.may_go(claimant):
            self._put_off(claimant)
            return False
        lacking = [row for row in book.rows_of(claimant) if row.state is not SlotState.HELD]
        if not all(self._has_room(row.gate) for row in lacking):
            return False
        spent = {row.gate: at for row in lacking if (at := self._opens_at(row)) > self._now}
        if spent:
            if not shut.issuperset(spent):
                book.call(claimant, max(spent.values()))
                shut.update(spent)
            return False
        for row in lacking:
            self._pay(row)
            row.state = SlotState.HELD
            book.put(row)
        if claimant != self._asker:
            book.call(claimant, self._now)
        return True

    def _put_off(self, claimant: Claimant) -> None:
        """Let a claimant that cannot go now wait no more; it knocks when a worker takes it."""
        for row in self._book.rows_of(claimant):
            if row.state is SlotState.WAITING:
                row.state = SlotState.ASLEEP
                self._book.put(row)
        self._book.call(claimant, self._now)

    def _has_room(self, gate: Gate) -> bool:
        limit = self._book.limit(gate.limit)
        if limit is None or limit.concurrency is None:
            return True
        return self._book.held(gate) < limit.concurrency

    def _opens_at(self, row: SlotRow) -> int:
        limit = self._book.limit(row.gate.limit)
        if row.paid or limit is None or limit.rate is None:
            return self._now
        return limit.rate.opens_at(self._book.spent_until(row.gate))

    def _pay(self, row: SlotRow) -> None:
        limit = self._book.limit(row.gate.limit)
        if not row.paid and limit is not None and limit.rate is not None:
            spent = limit.rate.spent(self._book.spent_until(row.gate), self._now)
            self._book.spend(row.gate, spent)
        row.paid = True


def place_of(row: SlotRow) -> tuple[int, int, int]:
    """Give what those who wait are sorted by."""
    return row.rank, row.since, row.number
