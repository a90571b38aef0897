"""What a suspended run costs in memory: little while it is hot, nothing once it is evicted.

Bytes are those that Python allocated, counted and not guessed; no test here looks at a clock.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from types import FunctionType

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.runtime.execution import Execution
from wfc.runtime.ledger import Ledger
from wfc.runtime.loop import Loop, RunTask
from wfc.runtime.outbox import Outbox
from wfc.runtime.parking import Parked
from wfc.runtime.resume import LiveRun
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import RunFilter

pytestmark = pytest.mark.parametrize("house_url", ["sqlite"], indirect=True)

HOT_BYTES = 6 * 1024
COUNT = 200
OF_A_RUN = (Execution, Ledger, LiveRun, Loop, Outbox, Parked, RunTask)


async def suspend(house: House, worker: Worker, count: int) -> None:
    """Let so many more runs wait for a day."""
    for _ in range(count):
        await house.start(FLOWS.waits, 1)
    await worker.run_until_idle()


def runs_alive() -> Counter[str]:
    """Count the objects of which live and suspended runs are made."""
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in OF_A_RUN)


def alive() -> Counter[str]:
    """Count these, and the coroutines and functions by which the code of runs lives."""
    found = runs_alive()
    found["coroutine"] = sum(type(each).__name__ == "coroutine" for each in gc.get_objects())
    found["waits"] = sum(
        type(each) is FunctionType and each.__name__ == "waits" for each in gc.get_objects()
    )
    return found


async def test_a_hot_suspended_run_takes_less_than_six_kib(house: House, journal: Journal) -> None:
    """All that is allocated for it and kept: tasks, code, tables, the ledger of its log."""
    worker = house.worker(executions=10 * COUNT)
    await suspend(house, worker, COUNT)
    gc.collect()
    tracemalloc.start()
    try:
        await suspend(house, worker, COUNT)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(worker.owned.parked) == 2 * COUNT
    assert 0 < taken / COUNT <= HOT_BYTES


async def test_a_suspended_run_keeps_nothing_of_its_turn(house: House, journal: Journal) -> None:
    """What writes and launches goes with the release; the execution and the ledger stay."""
    before = alive()
    worker = house.worker(executions=10 * COUNT)
    await suspend(house, worker, 10)
    kept = alive() - before
    for kind in (Execution, Ledger, Loop, Parked, RunTask):
        assert kept[kind.__name__] == 10, (kind, kept)
    assert kept["waits"] > 0
    assert kept["LiveRun"] == kept["Outbox"] == 0


async def test_an_evicted_run_leaves_no_object_behind(house: House, journal: Journal) -> None:
    """Not one: neither of ours nor of its code; and it goes on from its log all the same."""
    worker = house.worker(executions=1)
    await suspend(house, worker, 5)
    before = alive()
    await suspend(house, worker, 50)
    assert not alive() - before
    assert before["Execution"] == len(worker.owned.parked) == 1
    house.advance(days=1)
    await worker.run_until_idle()
    page = await house.world.list_runs(RunFilter(), limit=100)
    assert {str(row.status) for row in page.runs} == {"completed"}
    assert len(journal.calls) == 55


async def test_runs_that_have_ended_leave_no_object_behind(house: House, journal: Journal) -> None:
    """Whatever they were hot with goes with their end."""
    before = runs_alive()
    worker = house.worker(executions=10 * COUNT)
    await suspend(house, worker, 20)
    assert (runs_alive() - before)["Execution"] == 20
    house.advance(days=1)
    await worker.run_until_idle()
    assert not runs_alive() - before


async def test_an_alarm_that_is_not_needed_any_more_holds_no_run(
    house: House, journal: Journal
) -> None:
    """A run that may take a week and took a moment is not kept for the rest of the week."""
    worker = house.worker()
    before = runs_alive()
    for _ in range(20):
        await house.start(FLOWS.chain, 1, timeout="7 days")
    await worker.run_until_idle()
    assert len(journal.calls) >= 20
    assert not runs_alive() - before
