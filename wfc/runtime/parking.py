"""Executions of released runs, kept so that the next turn need not read the log again."""

from __future__ import annotations

from collections import OrderedDict

from wfc.ids import RunId
from wfc.runtime.execution import Execution
from wfc.runtime.ledger import Ledger
from wfc.runtime.reading import Reading


class Parked:
    """What is kept of a released run."""

    __slots__ = ("execution", "heard", "ledger", "reading")

    def __init__(
        self, ledger: Ledger, execution: Execution | None, heard: int, reading: Reading
    ) -> None:
        """Keep `execution`, which has heard the log of `ledger`; None if it is made anew."""
        self.reading = reading
        self.ledger = ledger
        self.execution = execution
        self.heard = heard

    def drop(self) -> None:
        """Free the execution, for good."""
        if self.execution is not None:
            self.execution.drop()


class Parking:
    """Room for so many of them: the one that was left longest ago goes first."""

    def __init__(self, room: int) -> None:
        """Keep up to `room` runs."""
        self._room = room
        self._parked: OrderedDict[RunId, Parked] = OrderedDict()

    def __len__(self) -> int:
        """Count what is kept."""
        return len(self._parked)

    def keep(self, run_id: RunId, parked: Parked) -> None:
        """Keep a run; another one may have to go for it."""
        self._parked[run_id] = parked
        while len(self._parked) > self._room:
            _, oldest = self._parked.popitem(last=False)
            oldest.drop()

    def take(self, run_id: RunId) -> Parked | None:
        """Give what was kept of a run, and let go of it."""
        return self._parked.pop(run_id, None)

    def drop_all(self) -> None:
        """Free all executions."""
        for parked in self._parked.values():
            parked.drop()
        self._parked.clear()
