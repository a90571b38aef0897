"""Same bundle, same history, same outcome: however it is delivered, in every process, on every
Python.

Small workflow programs are drawn at random. One is run live, event by event; then its history
is delivered at once, in pieces, and by a strict pump that never resolves anything at hand. All
must agree.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.histories import BODIES, RUN, Log, template_of
from wfc.eventlog.event import Recorded, RunCancelRequested
from wfc.ids import OperationId
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Operation, Outcome
from wfc.runtime.template import Template

# --- a grammar of programs ---------------------------------------------------------------------


def _block(lines: str) -> str:
    return "\n".join("    " + line for line in lines.splitlines())


_SIMPLE = st.sampled_from(
    [
        "seen.append(await add(len(seen)))",
        "seen.append(await double(len(seen)))",
        "seen.append((await sleep(len(seen) + 1)).early)",
        "await asyncio.sleep(0)",
        "await asyncio.sleep(2)",
        "seen.append(random.random())",
        "seen.append(datetime.now(UTC).isoformat())",
        "await set_attributes({'n': len(seen)})",
        "seen.append(str(uuid.uuid4()))",
        "seen.append(sorted(get_workflow_metadata().attributes.items()))",
        "raise ValueError(len(seen))",
        "asyncio.current_task().cancel()",
        "tasks.append(asyncio.create_task(add(len(seen))))",
        "seen.append(await tasks.pop()) if tasks else None",
    ]
)


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, inner).map("\n".join),
        inner.map(lambda body: "for _ in range(2):\n" + _block(body)),
        two.map(
            lambda both: (
                f"try:\n{_block(both[0])}\nexcept Exception as error:\n"
                f"    seen.append(type(error).__name__)\n{_block(both[1])}"
            )
        ),
        two.map(lambda both: f"try:\n{_block(both[0])}\nfinally:\n{_block(both[1])}"),
        two.map(
            lambda both: (
                f"async def one():\n{_block(both[0])}\nasync def two():\n{_block(both[1])}\n"
                "await asyncio.gather(one(), two(), return_exceptions=True)"
            )
        ),
        two.map(
            lambda both: (
                f"async def one():\n{_block(both[0])}\nasync def two():\n{_block(both[1])}\n"
                "done, rest = await asyncio.wait(\n"
                "    [asyncio.create_task(one()), asyncio.create_task(two())],\n"
                "    return_when=asyncio.FIRST_COMPLETED)\n"
                "seen.append([task.get_name() for task in done])"
            )
        ),
        inner.map(
            lambda body: (
                f"try:\n    async with asyncio.timeout(3):\n{_block(_block(body))}\n"
                "except TimeoutError:\n    seen.append('late')"
            )
        ),
        inner.map(
            lambda body: (
                f"async def guarded():\n{_block(body)}\n"
                "try:\n    await asyncio.wait_for(guarded(), 2)\n"
                "except Exception as error:\n    seen.append(type(error).__name__)"
            )
        ),
    )


PROGRAMS = st.recursive(_SIMPLE, _nested, max_leaves=6)
_HEAD = """
import random
import uuid
from datetime import UTC, datetime

async def flow():
    "use workflow"
    seen, tasks = [], []
"""


@cache
def _template(body: str) -> Template:
    return template_of(_HEAD + _block(body) + "\n    return seen\n")


class Strict(Execution):
    """The strict pump: every event is delivered to a waiting, idle loop."""

    def answer_at_hand(self, name: Any) -> None:
        """Never resolve at hand."""


def _live(body: str, choices: list[int], cancel_at: int | None) -> tuple[Log, Outcome]:
    """Run a program event by event; `choices` say which of the open operations ends next."""
    log = Log(_template(body))
    outcome = log.start()
    for turn, choice in enumerate(choices):
        if log.execution.ended or not log.execution.open:
            break
        if turn == cancel_at:
            outcome = log.deliver(RunCancelRequested(reason="test"))
            continue
        operations = list(log.execution.open.values())
        outcome = log.deliver(log.answer(operations[choice % len(operations)], BODIES))
    return log, outcome


def _kind(outcome: Outcome) -> tuple[Any, ...]:
    """Give what is recorded of an outcome; messages of deadlocks name addresses of nothing."""
    return (
        type(outcome).__name__,
        getattr(outcome, "output", None),
        getattr(outcome, "kind", None),
        getattr(outcome, "reason", None),
        getattr(outcome, "error", None),
    )


def _open(execution: Execution) -> dict[OperationId, Operation]:
    return dict(execution.open)


def _delivered(
    execution: Execution, pieces: list[list[Recorded]]
) -> tuple[tuple[Any, ...], dict[OperationId, Operation]]:
    outcome = Outcome()
    for piece in pieces:
        outcome = execution.deliver(piece)
    found = _kind(outcome), _open(execution)
    execution.drop()
    return found


@settings(
    max_examples=int(os.environ.get("WFC_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    body=PROGRAMS,
    choices=st.lists(st.integers(0, 5), max_size=25),
    cancel_at=st.none() | st.integers(0, 8),
    cut=st.integers(1, 20),
)
def test_every_way_of_delivery_agrees(
    body: str, choices: list[int], cancel_at: int | None, cut: int
) -> None:
    """Live, at once, in two pieces, one by one afresh, strictly: outcome and what is open."""
    log, outcome = _live(body, choices, cancel_at)
    history, template = log.recorded, log.template
    expected = _kind(outcome), _open(log.execution)
    log.execution.drop()

    def fresh(kind: type[Execution] = Execution) -> Execution:
        return kind(template, RUN, history[0])

    assert _delivered(fresh(), [history]) == expected
    assert _delivered(fresh(), [history[:cut], history[cut:]]) == expected
    assert _delivered(fresh(), [[each] for each in history]) == expected
    assert _delivered(fresh(Strict), [history]) == expected


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=PROGRAMS, choices=st.lists(st.integers(0, 5), max_size=12))
def test_interleaved_runs_do_not_touch_each_other(body: str, choices: list[int]) -> None:
    """Two runs of one program, turn by turn in turns, are each what it is alone."""
    alone, outcome = _live(body, choices, None)
    logs = [Log(_template(body)) for _ in range(2)]
    outcomes = [log.start() for log in logs]
    for recorded in alone.recorded[1:]:
        for place, log in enumerate(logs):
            outcomes[place] = log.execution.deliver([recorded])
    for place, log in enumerate(logs):
        assert _kind(outcomes[place]) == _kind(outcome)
        assert _open(log.execution) == _open(alone.execution)
        log.execution.drop()
    alone.execution.drop()


# --- in other processes ------------------------------------------------------------------------

_PROGRAM = """
import random
import uuid
from datetime import UTC, datetime

async def racer(n):
    async with asyncio.timeout(10 + n):
        await asyncio.sleep(n % 3)
        return await add(n)

async def flow():
    "use workflow"
    tasks = [asyncio.create_task(racer(n)) for n in range(6)]
    done, pending = await asyncio.wait(set(tasks), return_when=asyncio.FIRST_COMPLETED)
    seen = [[task.get_name() for task in done], [task.get_name() for task in pending]]
    seen.append([task.get_name() for task in asyncio.all_tasks()])
    seen += [await each for each in asyncio.as_completed(set(pending))]
    try:
        await asyncio.wait_for(asyncio.gather(racer(1), double(5)), 1)
    except TimeoutError:
        seen.append("late")
    async with asyncio.TaskGroup() as group:
        more = [group.create_task(racer(n)) for n in range(3)]
    queue = asyncio.Queue(1)
    async def produce():
        for n in range(3):
            await queue.put(await double(n))
    producer = asyncio.create_task(produce())
    seen += [await queue.get() for _ in range(3)]
    deck = list(range(20))
    random.shuffle(deck)
    return [
        seen, deck, random.sample(range(1000), 5), random.gauss(0, 1), str(uuid.uuid4()),
        str(uuid.uuid1()), datetime.now(UTC).isoformat(), [task.result() for task in more],
    ]
"""


def transcript() -> str:
    """Run the program and tell all that was asked and what came out; for other processes too."""
    log = Log(template_of(_PROGRAM))
    outcome = log.run()
    told = [
        [operation.operation_id, (getattr(operation, "arguments", None) or b"").hex()]
        for operation in log.asked.values()
    ]
    output = getattr(outcome, "output", b"").hex() or repr(outcome)
    times = [recorded.recorded_at for recorded in log.recorded]
    log.execution.drop()
    return json.dumps([told, output, times])


def _elsewhere(hash_seed: str) -> str:
    code = "from tests.runtime.test_agreement import transcript; print(transcript())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_hash_seed_changes_nothing(hash_seed: str) -> None:
    """Names, arguments, order and output are the same in every process."""
    assert _elsewhere(hash_seed) == transcript()


def test_every_python_tells_the_same() -> None:
    """This file's golden transcript: each Python that runs the suite must give it."""
    golden = Path(__file__).parent / "cases" / "transcript.json"
    assert transcript() == golden.read_text(encoding="utf-8").strip()
