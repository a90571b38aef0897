"""Work in other processes comes back in its order, and what nobody waits for is given up."""

from __future__ import annotations

import signal

import pytest

from wfc.compiler.processes import spread


def test_results_come_in_the_order_of_the_work() -> None:
    work = [(2, number) for number in range(20)]
    assert list(spread(pow, work, 2)) == [2**number for number in range(20)]


def test_an_exception_comes_where_its_result_would() -> None:
    results = spread(divmod, [(7, 2), (7, 0)], 1)
    assert next(results) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_more_processes_are_begun_than_there_is_work() -> None:
    """Whatever number is typed."""
    assert list(spread(pow, [(2, 3)], 10**12)) == [8]


def test_who_asks_hears_ctrl_c_as_before() -> None:
    """Only the processes that were begun do not."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    results = spread(pow, [(2, number) for number in range(8)], 2)
    assert next(results) == 1
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
