"""Parked runs: the one that was left longest ago makes room, and is freed."""

from __future__ import annotations

from typing import Any, cast

from wfc.ids import RunId
from wfc.runtime.ledger import Ledger
from wfc.runtime.parking import Parked, Parking
from wfc.runtime.reading import Reading


class Dropped:
    """Stands for an execution, and counts how often it is freed."""

    def __init__(self) -> None:
        self.times = 0

    def drop(self) -> None:
        self.times += 1


def _parked(execution: Dropped | None) -> Parked:
    return Parked(Ledger(), cast("Any", execution), 0, Reading())


def test_the_one_left_longest_ago_goes_first() -> None:
    parking, made = Parking(2), [Dropped() for _ in range(3)]
    for number, each in enumerate(made):
        parking.keep(RunId(f"run_{number}"), _parked(each))
    assert [each.times for each in made] == [1, 0, 0]
    assert len(parking) == 2
    assert parking.take(RunId("run_0")) is None


def test_what_is_taken_is_not_freed() -> None:
    """Whoever takes it goes on with it."""
    parking, made = Parking(2), Dropped()
    kept = _parked(made)
    parking.keep(RunId("run"), kept)
    assert parking.take(RunId("run")) is kept
    parking.drop_all()
    assert made.times == 0


def test_all_are_freed_at_the_end() -> None:
    """Also those that kept no execution, which is made anew each time."""
    parking, made = Parking(3), Dropped()
    parking.keep(RunId("run"), _parked(made))
    parking.keep(RunId("bare"), _parked(None))
    parking.drop_all()
    assert made.times == 1
    assert len(parking) == 0
