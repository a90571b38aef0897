"""The turnstile: one at a time, and who waits comes next."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfc.errors import WorldLocked
from wfc.worlds import sqlite_turnstile
from wfc.worlds.sqlite_turnstile import Turnstile


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Turnstile, Turnstile]]:
    first, second = Turnstile(tmp_path / "db"), Turnstile(tmp_path / "db")
    yield first, second
    first.close()
    second.close()


def test_one_has_the_turn_at_a_time(pair: tuple[Turnstile, Turnstile]) -> None:
    first, second = pair
    first.enter()
    assert not second.try_enter()
    first.leave()
    assert second.try_enter()
    assert not first.try_enter()
    second.leave()


def test_who_waits_comes_before_who_comes_again(pair: tuple[Turnstile, Turnstile]) -> None:
    """The waiting one holds the gate, so the one that just finished cannot jump the queue."""
    first, second = pair
    first.enter()
    waiting = threading.Thread(target=second.enter)
    waiting.start()
    while sqlite_turnstile._lock_now(first._gate):  # until the other one holds the gate
        fcntl.flock(first._gate, fcntl.LOCK_UN)
    first.leave()
    assert not first.try_enter()
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    second.leave()
    assert first.try_enter()
    first.leave()


def test_waiting_has_a_limit(
    pair: tuple[Turnstile, Turnstile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the gate is given back, so that others are not kept out."""
    first, second = pair
    monkeypatch.setattr(sqlite_turnstile, "BUSY_MS", 20)
    first.enter()
    with pytest.raises(WorldLocked):
        second.enter()
    first.leave()
    assert second.try_enter()
    second.leave()
