"""Dropping an execution runs no user code, although CPython enters what a freed coroutine guards.

One of the three experiments that carry the design: the cases stand in `cases/dropped.py`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import contextvars
import sys
import types
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from wfc import abi
from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle, Purpose
from wfc.manifests.code import code_of, module_code

PATH = Path(__file__).parent / "cases" / "dropped.py"
TEXT = PATH.read_text(encoding="utf-8")
CASES = [
    node.name
    for node in ast.parse(TEXT).body
    if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("case_")
]

_life: contextvars.ContextVar[Sequence[bool]] = contextvars.ContextVar("life", default=(True,))


class Drive:
    """A tiny driver: a namespace of cases, one execution at a time, and what it saw."""

    def __init__(self, *, guarded: bool, answers: bool) -> None:
        self.seen: list[str] = []
        self.answers = answers
        self.parked = 0
        harness = types.ModuleType("harness")
        for function in (self.op, self.saw, self.swallowing, self.quietly, self.retry_until):
            setattr(harness, function.__name__, function)
        harness.Swallow = Swallow  # type: ignore[attr-defined]  # made here
        self.namespace: dict[str, Any] = {"__name__": "dropped"}
        bundle = _bundle(TEXT)
        self.namespace[abi.NAME] = abi.Bundle(bundle.module, self.namespace)
        sys.modules["harness"] = harness
        try:
            for code in (
                code_of(bundle, str(PATH)) if guarded else (module_code(bundle, str(PATH)),)
            ):
                exec(code, self.namespace)  # noqa: S102 - the programs under test
        finally:
            del sys.modules["harness"]

    async def op(self) -> None:
        """An operation: parks until it is answered, for ever once the execution is dead."""
        if self.answers and _life.get():
            return
        self.parked += 1
        await asyncio.get_running_loop().create_future()

    def saw(self, word: str) -> str:
        self.seen.append(word)
        return word

    async def swallowing(self, operation: Callable[[], Awaitable[None]]) -> None:
        """Library code that swallows a cancellation and returns as if nothing had been."""
        with contextlib.suppress(BaseException):
            await operation()

    async def quietly(self, operation: Callable[[], Awaitable[None]]) -> AsyncIterator[int]:
        """Give items as a library does that takes a cancellation for the end of them."""
        with contextlib.suppress(BaseException):
            await operation()
            yield 1

    async def retry_until(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Library code that tries again whatever happens."""
        while True:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await attempt()
                return

    def start(self, case: str) -> Suspended:
        """Run a case until it waits for an operation, or ends."""
        life = [True]
        context = contextvars.copy_context()
        context.run(_life.set, life)
        loop = asyncio.new_event_loop()
        main = context.run(loop.create_task, self.namespace[case](), context=context)
        suspended = Suspended(loop, main, context, life)
        suspended.run_until_idle()
        return suspended


class Swallow:
    """A library's context manager that swallows a cancellation while it is entered."""

    def __init__(self, operation: Callable[[], Awaitable[None]]) -> None:
        self.operation = operation

    async def __aenter__(self) -> None:
        with contextlib.suppress(BaseException):
            await self.operation()

    async def __aexit__(self, *error: object) -> None:
        return None


class Suspended:
    """A suspended execution."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        main: asyncio.Task[Any],
        context: contextvars.Context,
        life: list[bool],
    ) -> None:
        self.loop, self.main, self.context, self.life = loop, main, context, life

    def run_until_idle(self, rounds: int = 50) -> None:
        for _ in range(rounds):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def drop(self, *, drive: bool = True) -> None:
        """Mark it dead, unwind it by cancelling, then close what is left, newest first."""
        self.life.clear()
        tasks = sorted(asyncio.all_tasks(self.loop), key=lambda task: task.get_name())
        if drive:
            self.main.cancel()
            self.run_until_idle(rounds=3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in reversed(tasks):
                coroutine = task.get_coro()
                assert coroutine is not None
                with contextlib.suppress(RuntimeError):  # it ignored GeneratorExit: it parked again
                    self.context.run(coroutine.close)
            self.loop.set_exception_handler(lambda *_: None)
            self.run_until_idle(rounds=3)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            del tasks
            self.main = None  # type: ignore[assignment]  # nothing may hold it any more
        self.loop.close()


@pytest.fixture(autouse=True)
def _live_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi.slots, "live", _life.get)


@pytest.fixture(autouse=True)
def _no_noise() -> Iterator[None]:
    noise: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, noise.append
    yield
    sys.unraisablehook = before


def _bundle(text: str, **more: Any) -> Bundle:
    return Bundle(
        module=ModuleName("dropped"),
        purpose=Purpose.WORKFLOW,
        text=text,
        path="dropped.py",
        source_sha256="",
        **more,
    )


def test_there_are_at_least_forty_cases() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("drive", [True, False], ids=["cancelled", "closed"])
@pytest.mark.parametrize("case", CASES)
def test_a_dropped_execution_runs_no_user_code(case: str, *, drive: bool) -> None:
    driver = Drive(guarded=True, answers=False)
    suspended = driver.start(case)
    assert driver.parked, "the case never waits, so nothing is dropped"
    before = list(driver.seen)
    suspended.drop(drive=drive)
    assert driver.seen == before


@pytest.mark.parametrize("case", CASES)
def test_without_guards_each_case_would_run_user_code(case: str) -> None:
    driver = Drive(guarded=False, answers=False)
    suspended = driver.start(case)
    before = list(driver.seen)
    suspended.drop()
    assert driver.seen != before, "the case shows nothing"


@pytest.mark.parametrize("case", CASES)
def test_a_live_execution_does_the_same_with_and_without_guards(case: str) -> None:
    seen = []
    for guarded in (True, False):
        driver = Drive(guarded=guarded, answers=True)
        suspended = driver.start(case)
        assert suspended.main.done()
        seen.append((driver.seen, suspended.main.result()))
        suspended.loop.close()
    assert seen[0] == seen[1]
