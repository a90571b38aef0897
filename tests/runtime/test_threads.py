"""Threads for step bodies: as many as needed, and none keeps the process from ending."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.runtime.house import until
from wfc.runtime.threads import Threads


async def test_work_comes_back_with_its_result_or_its_error() -> None:
    threads = Threads(2)
    assert await threads.submit(lambda: 21 * 2) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.submit(lambda: 1 // 0)
    threads.close()


async def test_an_iterators_end_does_not_end_whoever_awaits() -> None:
    threads = Threads(1)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await threads.submit(lambda: next(iter(())))
    threads.close()


async def test_no_more_threads_than_the_limit_run_at_once() -> None:
    threads = Threads(2)
    gate = threading.Event()
    seen: list[str] = []

    def work() -> None:
        seen.append(threading.current_thread().name)
        gate.wait(30)

    waiting = [threads.submit(work) for _ in range(5)]
    await until(lambda: len(seen) >= 2)
    assert len(seen) == 2
    gate.set()
    await asyncio.gather(*waiting)
    assert len(seen) == 5
    threads.close()


async def test_a_body_that_does_not_end_is_replaced_and_counted() -> None:
    """Its thread goes on, but the others are not fewer for it."""
    threads = Threads(1)
    gate = threading.Event()
    stuck = threads.submit(lambda: gate.wait(30))
    threads.leak(stuck, "step `stuck`")
    assert threads.leaked == 1
    assert await threads.submit(lambda: "free") == "free"
    gate.set()
    await until(lambda: threads.leaked == 0)
    threads.close()


def test_a_thread_outlives_its_loop_without_noise() -> None:
    """What ends after the loop was closed is nobody's business any more."""
    gate, ended = threading.Event(), threading.Event()
    threads = Threads(1)

    async def begin() -> None:
        threads.leak(threads.submit(lambda: gate.wait(30)), "step `late`")
        following = threads.submit(ended.set)
        following.cancel()

    asyncio.run(begin())
    gate.set()
    assert ended.wait(10)
    threads.close()
