"""Writes that wait for a commit, and who is told of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Write(Protocol):
    """One write that waits for the writer. `atomic`: it writes nothing unless it succeeds;
    `blocking`: a thread waits for it, so its answer must not depend on the event loop.
    """

    size: int
    atomic: bool
    blocking: bool

    def run(self, transaction: Any) -> Any:
        """Write within the transaction and give the answer."""
        ...

    def settle(self, answer: Any) -> None:
        """Hand over an answer, or the exception to be raised instead."""
        ...


class Call(Generic[T]):
    """A write that is any function of a transaction."""

    __slots__ = ("_future", "_work", "atomic", "blocking", "size")

    def __init__(
        self,
        work: Callable[[Any], T],
        future: asyncio.Future[T] | concurrent.futures.Future[T],
        size: int = 0,
    ) -> None:
        """Run `work`; `future` takes its answer."""
        self._work = work
        self._future = future
        self.size = size
        self.atomic = False
        self.blocking = isinstance(future, concurrent.futures.Future)

    def run(self, transaction: Any) -> T:
        """Run the function."""
        return self._work(transaction)

    def settle(self, answer: Any) -> None:
        """Resolve the future."""
        settle(self._future, answer)


def settle(future: asyncio.Future[Any] | concurrent.futures.Future[Any], answer: Any) -> None:
    """Resolve a future, unless whoever waited for it has gone."""
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
