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
from wfc.runtime.resume import LiveRun, Parked
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import RunFilter

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True)

HOT_BYTES = 6 * 1024
COUNT = 200
OF_A_RUN = (Execution, Ledger, LiveRun, Loop, Outbox, Parked, RunTask)


async def suspend(house: House, worker: Worker, count: int) -> None:
    """Let so many more runs wait for a day."""
    for _ in range(count):
        await house.start(FLOWS.waits, 1)
    await worker.run_until_idle()


def alive() -> Counter[str]:
    """Count the objects of runs, and the coroutines and functions by which their code lives."""
    gc.collect()
    found = Counter(type(each).__name__ for each in gc.get_objects() if type(each) in OF_A_RUN)
    found["coroutine"] = sum(type(each).__name__ == "coroutine" for each in gc.get_objects())
    found["waits"] = sum(
        isinstance(each, FunctionType) and each.__name__ == "waits" for each in gc.get_objects()
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
    assert len(worker._parked) == 2 * COUNT
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
    assert alive() == before
    assert before["Execution"] == len(worker._parked) == 1
    house.advance(days=1)
    await worker.run_until_idle()
    page = await house.world.list_runs(RunFilter(), limit=100)
    assert {str(row.status) for row in page.runs} == {"completed"}
    assert len(journal.calls) == 55


async def test_runs_that_have_ended_leave_no_object_behind(house: House, journal: Journal) -> None:
    """Whatever they were hot with goes with their end."""
    worker = house.worker(executions=10 * COUNT)
    await suspend(house, worker, 1)
    before = alive()
    await suspend(house, worker, 20)
    assert alive() != before
    house.advance(days=1)
    await worker.run_until_idle()
    after = alive()
    assert {kind.__name__: after[kind.__name__] for kind in OF_A_RUN} == dict.fromkeys(
        [kind.__name__ for kind in OF_A_RUN], 0
    )
