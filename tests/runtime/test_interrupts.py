"""A body that raises KeyboardInterrupt fails; a Ctrl-C that strikes in a body stops the process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc import codec
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import StepRetrying
from wfc.runtime.interrupts import is_from_user


@contextmanager
def handled_by(handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def raises() -> None:
    raise KeyboardInterrupt


def is_struck() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    while True:  # until the signal is handled, which is at once
        pass


def own_handler(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("handler", [signal.default_int_handler, own_handler])
def test_what_code_raises_is_told_from_what_a_signal_raises(handler: Any) -> None:
    """By the frame that it comes from, whatever handler the application has."""
    with handled_by(handler):
        with pytest.raises(KeyboardInterrupt) as raised:
            raises()
        assert not is_from_user(raised.value)
        with pytest.raises(KeyboardInterrupt) as struck:
            is_struck()
        assert is_from_user(struck.value)


def test_threads_hear_no_signal() -> None:
    """So whatever comes out of one was raised by it."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(is_from_user(KeyboardInterrupt())))
    thread.start()
    thread.join()
    assert answers == [False]


def test_the_second_ctrl_c_under_asyncio_is_the_users() -> None:
    """The first only cancels the main task, which a body that blocks the loop does not let be."""
    answers: list[bool] = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            is_struck()
        except KeyboardInterrupt as error:
            answers.append(is_from_user(error))
            raise

    with handled_by(signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert answers == [True]


async def test_a_body_that_raises_it_stops_no_application(house: House, journal: Journal) -> None:
    """The attempt fails and is repeated; the loop that other runs share goes on."""
    journal.failures = [KeyboardInterrupt()]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    await worker.run_until_idle()
    house.advance(hours=1)
    await worker.run_until_idle()
    assert await run.status() is RunStatus.COMPLETED
    (retried,) = await house.events(run, StepRetrying)
    assert "KeyboardInterrupt" in str(codec.decode_error(retried.error))
