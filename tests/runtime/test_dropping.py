"""Dropping a real execution runs no user code, asks for nothing, says nothing and leaks nothing.

One of the three experiments that carry the design. The programs are those by which the guards are
tested, and some that are about operations; here they run in templates, on the run's own loop.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import io
import logging
import sys
import textwrap
import types
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.histories import Log, describe, version_of
from wfc.eventlog.event import RunCancelRequested
from wfc.ids import DefinitionId
from wfc.manifests.store import Version
from wfc.runtime.operations import Cancelled, Suspended
from wfc.runtime.sandbox import load_template
from wfc.runtime.template import Template

_SHARED = Path(__file__).parents[1] / "manifests" / "cases" / "dropped.py"
_MORE = """
async def case_sleep():
    try:
        await wait("1h")
    finally:
        saw("sleep")


async def case_asyncio_sleep_in_a_child():
    async def child():
        try:
            await asyncio.sleep(5)
        finally:
            saw("child")
    await asyncio.create_task(child())


async def case_queue():
    queue = asyncio.Queue()
    try:
        await op_or(queue.get())
    finally:
        saw("queue")


async def op_or(other):
    task = asyncio.create_task(other)
    try:
        await op()
    except BaseException:
        saw("op_or")
        raise
    return await task


async def case_lock():
    lock = asyncio.Lock()

    async def hold():
        async with lock:
            try:
                await op()
            finally:
                saw("held")

    async def wish():
        await asyncio.sleep(0)
        async with lock:
            saw("got it")

    await asyncio.gather(hold(), wish())


async def case_reached_timeout():
    try:
        async with asyncio.timeout(50):
            await op()
    except TimeoutError:
        saw("late")
    finally:
        saw("left")


async def case_wait_for():
    try:
        await asyncio.wait_for(op(), 50)
    except BaseException:
        saw("wait_for")


async def case_as_completed():
    async def child():
        try:
            await op()
        finally:
            saw("child")

    for each in asyncio.as_completed([child(), child()], timeout=50):
        await each
        saw("each")


async def case_cleanup_asks_again():
    try:
        await op()
    finally:
        saw("cleanup")
        await op()
        saw("second")


async def case_prints_and_logs():
    try:
        await op()
    finally:
        print("dying")
        logging.getLogger("dying").warning("dying")


async def case_generator_in_a_cycle():
    def numbers():
        try:
            yield me
        finally:
            saw("generator")

    me = []
    generator = numbers()
    me.append(generator)
    next(generator)
    await op()


async def case_coroutine_in_a_cycle():
    async def other():
        try:
            await op()
        finally:
            saw("coroutine")

    me = []
    task = asyncio.create_task(other())
    me.append(me)
    me.append(task)
    await op()


async def case_never_awaited():
    forgotten = op()
    await op()
    saw(forgotten)


async def case_object_with_a_destructor_of_a_library():
    with contextlib.closing(io.StringIO()) as text:
        await op()
    saw(text)
"""
_HEAD = """
import asyncio
import collections.abc
import contextlib
import functools
import io
import logging

from harness import Swallow, quietly, retry_until, saw, swallowing
from wfc.runtime.workflow_api import sleep as wait


async def op() -> None:
    "use step"

"""


def _cases(text: str) -> list[str]:
    return [
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("case_")
    ]


def _program() -> tuple[str, list[str]]:
    shared = _SHARED.read_text(encoding="utf-8")
    imports = [
        each for each in ast.parse(shared).body if isinstance(each, ast.Import | ast.ImportFrom)
    ]
    lines = shared.splitlines(keepends=True)[imports[-1].end_lineno :]
    body = "".join(lines) + textwrap.dedent(_MORE)
    names = _cases(body)
    flows = "".join(
        f'\n\nasync def flow_{name}():\n    "use workflow"\n    await {name}()\n' for name in names
    )
    return _HEAD + body + flows, names


PROGRAM, CASES = _program()
seen: list[object] = []


def _saw(word: object) -> object:
    seen.append(word)
    return word


async def _swallowing(operation: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(BaseException):
        await operation()


async def _quietly(operation: Callable[[], Awaitable[None]]) -> AsyncIterator[int]:
    """A library's generator that swallows a cancellation and gives something all the same."""
    await _swallowing(operation)
    yield 1


async def _retry_until(attempt: Callable[[], Awaitable[object]]) -> None:
    while True:
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await attempt()
            return


class _Swallow:
    def __init__(self, operation: Callable[[], Awaitable[None]]) -> None:
        self.operation = operation

    async def __aenter__(self) -> None:
        await _swallowing(self.operation)

    async def __aexit__(self, *error: object) -> None:
        return None


@pytest.fixture(autouse=True, scope="module")
def _small_heap() -> Iterator[None]:
    """Let the many collections of these tests look at what the tests made alone."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    harness = types.ModuleType("harness")
    vars(harness).update(
        saw=_saw,
        quietly=_quietly,
        swallowing=_swallowing,
        retry_until=_retry_until,
        Swallow=_Swallow,
    )
    monkeypatch.setitem(sys.modules, "harness", harness)
    seen.clear()
    yield
    seen.clear()


@cache
def _version() -> Version:
    return version_of({"dropped": PROGRAM}, pure=("harness",))


@cache
def _template(case: str) -> Template:
    return load_template(_version(), DefinitionId(f"dropped:flow_{case}"))


@pytest.fixture(autouse=True, scope="module")
def small_heap() -> Iterator[None]:
    """Leave all that other tests have loaded out of the collections here: there are hundreds."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@contextlib.contextmanager
def _silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if anything is printed, logged, warned of, or raised where nobody can catch it."""
    noise: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, noise.append
    out, sys.stdout = sys.stdout, io.StringIO()
    try:
        with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
            warnings.simplefilter("always")
            yield
            gc.collect()
        assert sys.stdout.getvalue() == ""
    finally:
        sys.unraisablehook, sys.stdout = hook, out
    assert [str(each.message) for each in warned] == []
    assert noise == []


def test_there_are_more_than_forty_cases() -> None:
    """The experiment is large enough to say something."""
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES)
def test_a_dropped_execution_runs_no_user_code(case: str, caplog: pytest.LogCaptureFixture) -> None:
    """No line of the program, no operation, no output, no warning, no task that lives on."""
    log = Log(_template(case))
    outcome = log.start()
    assert isinstance(outcome, Suspended), describe(outcome)
    assert log.execution.open, "the case never waits, so nothing is dropped"
    execution, before, records = log.execution, list(seen), len(caplog.records)
    tasks = [weakref.ref(task) for task in execution.loop.tasks()]
    coroutines = [weakref.ref(task.get_coro()) for task in execution.loop.tasks()]
    asked = dict(execution.counters)
    with _silence(caplog):
        execution.drop()
        execution.drop()
        assert seen == before
        assert execution.open == {}
        assert execution.asked.keys() <= log.asked.keys()
        assert execution.counters == asked
        del log.execution
        gc.collect()
    assert seen == before
    assert len(caplog.records) == records
    assert [ref() for ref in tasks] == [None] * len(tasks)
    assert [ref() for ref in coroutines] == [None] * len(coroutines)


@pytest.mark.parametrize("case", CASES)
def test_dropping_one_run_leaves_another_of_the_same_program_alone(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Classes and functions are shared by both; only one of them is dead."""
    one, other = Log(_template(case)), Log(_template(case))
    one.start()
    other.start()
    before, still_open = list(seen), list(other.execution.open)
    with _silence(caplog):
        one.execution.drop()
    assert seen == before
    assert list(other.execution.open) == still_open
    assert other.execution.alive
    other.execution.drop()


async def test_dropping_inside_a_running_loop_leaves_that_loop_alone() -> None:
    """A worker drops executions while its own tasks run."""
    log = Log(_template("case_task_group"))
    log.start()
    task = asyncio.current_task()
    log.execution.drop()
    assert asyncio.current_task() is task
    assert asyncio.all_tasks() == {task}
    await asyncio.sleep(0)


def test_dropping_what_never_ran_or_has_ended_does_nothing() -> None:
    """Both are free to be dropped."""
    log = Log(_template("case_finally"))
    log.execution.drop()
    assert log.execution.ended
    ended = Log(_template("case_finally"))
    ended.run({"op": lambda: None})
    assert seen == ["finally"]
    ended.execution.drop()
    assert seen == ["finally"]


def test_dropping_in_the_midst_of_cleanup_stops_it() -> None:
    """A cancelled run that still cleans up is suspended like any other."""
    log = Log(_template("case_cleanup_asks_again"))
    log.start()
    assert isinstance(log.deliver(RunCancelRequested()), Suspended)
    assert seen == ["cleanup"]
    log.execution.drop()
    gc.collect()
    assert seen == ["cleanup"]
    again = log.replay()
    assert isinstance(again, Suspended)
    assert isinstance(log.deliver(log.completed("op")), Cancelled)
    assert seen == ["cleanup", "cleanup", "second"]


def test_collection_is_off_while_an_execution_is_driven() -> None:
    """A collection in the midst of one run would close coroutines of another in its context."""
    states: list[bool] = []
    sys.modules["harness"].saw = lambda _: states.append(gc.isenabled())  # type: ignore[attr-defined]  # ours
    log = Log(load_template(_version(), DefinitionId("dropped:flow_case_finally")))
    log.start()
    log.deliver(log.completed("op"))
    assert states == [False]
    assert gc.isenabled()
