"""Work in other processes, which Ctrl-C ends quietly."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

Result = TypeVar("Result")


def spread(
    function: Callable[..., Result], work: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Result]:
    """Call `function` with each tuple of `work` in up to `jobs` processes; results keep its order.

    What has not begun when the iteration ends, by an exception too, is given up.
    """
    jobs = max(1, min(jobs, len(work)))
    # Spawned, not forked: the process that asks may have threads.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        chunk = max(1, len(work) // (jobs * 4))
        with _deaf_to_ctrl_c():
            results = pool.map(function, *zip(*work, strict=True), chunksize=chunk)
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let processes that begin in here never hear Ctrl-C, which a terminal sends to all of them.

    The first process alone decides what it means. It hears it, too, once this is over.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield  # such a system has no signals that processes inherit
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
