"""W9, second half: how long it takes to say of one run whether it may move; CPU time.

The yardstick is plain recovery: the same history delivered to the code that wrote it.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from functools import partial

from benchmarks.edits import EDITS, edited
from benchmarks.harness import Goal, Workload
from benchmarks.stage import asleep, on_stage
from wfc.config import Session
from wfc.runtime.execution import Execution
from wfc.runtime.judging import Case, judge
from wfc.runtime.logs import read_log
from wfc.runtime.operations import Suspended
from wfc.runtime.upgrade_code import Codebase

_EVENTS = 1_000
_TIMES = 15


def _cpu_ms(work: Callable[[], object]) -> float:
    gc.collect()
    begun = time.process_time()
    work()
    return 1e3 * (time.process_time() - begun)


async def _play(session: Session) -> dict[str, float]:
    """Give milliseconds for 1,000 events, by side; every side once in turn."""
    [run_id] = await asleep(session, 1, _EVENTS)
    row = await session.world.run(run_id)
    assert row is not None
    history = await read_log(session.world, run_id)
    code = Codebase(session.world)
    own = await code.template(row.version, row.workflow)

    def recover() -> None:
        execution = Execution(own, run_id, history[0])
        assert isinstance(execution.deliver(history[1:]), Suspended)
        execution.drop()

    works: dict[str, Callable[[], None]] = {"recovery": recover}
    for name in EDITS:
        version = edited(name)
        code.add(version)
        edit = await code.edit(row.version, version.id, row.workflow)
        template = await code.template(version.id, row.workflow)
        case = Case(row=row, history=history, to=version.id, edit=edit, template=template)

        def check(case: Case = case) -> None:
            verdict = judge(case).verdict
            assert verdict, verdict.reasons
            assert verdict.replayed == len(history)

        works[name] = check
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_TIMES):
        for name, work in works.items():
            taken[name].append(_cpu_ms(work))
    thousand = 1e3 / len(history)
    return {name: thousand * statistics.median(values) for name, values in taken.items()}


def workloads(*, quick: bool) -> list[Workload]:  # noqa: ARG001 - it is quick
    """Give the check of one run, for each kind of edit."""
    costs: dict[str, float] = {}

    def recovery() -> float:
        costs.update(on_stage("w09_upgrade", _play))
        return costs["recovery"]

    return [
        Workload(
            id="W9.check",
            title="upgrade check of one run, per 1,000 events, CPU time",
            unit="ms",
            sides={
                "recovery": recovery,
                **{name: partial(costs.__getitem__, name) for name in EDITS},
            },
            goals=[
                *(Goal(left=name, bound=30, at_least=False) for name in EDITS),
                *(Goal(left=name, right="recovery", bound=2.5, at_least=False) for name in EDITS),
            ],
        )
    ]
