"""A worker that was killed is noticed at once by whoever comes after it on the same machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.ids import WorkerId
from wfc.runtime import neighbours
from wfc.runtime.neighbours import is_gone, worker_id

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process numbers are read in /proc")


@pytest.fixture
def other() -> Iterator[tuple[WorkerId, subprocess.Popen[bytes]]]:
    """A process that does nothing, and the name that a worker in it would have."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = worker_id(0, bytes(10))
    machine = mine.partition("@")[2].partition(".")[0]
    seen = neighbours._seen(process.pid)
    assert seen is not None
    yield WorkerId(f"worker_other@{machine}.{process.pid}.{seen.started}"), process
    process.kill()
    process.communicate()


def test_a_process_that_lives_is_not_gone(
    other: tuple[WorkerId, subprocess.Popen[bytes]],
) -> None:
    assert not is_gone(worker_id(0, bytes(10)))
    assert not is_gone(other[0])


def test_a_process_that_was_killed_is_gone(
    other: tuple[WorkerId, subprocess.Popen[bytes]],
) -> None:
    name, process = other
    process.kill()
    process.wait()
    assert is_gone(name)


def test_a_killed_process_is_gone_before_its_parent_asks_for_it(
    other: tuple[WorkerId, subprocess.Popen[bytes]],
) -> None:
    """A zombie keeps its number and its time of start, but it will never write again."""
    name, process = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name)


def test_a_number_that_was_used_again_is_another_process() -> None:
    assert is_gone(WorkerId(worker_id(0, bytes(10)) + "1"))


def test_nothing_is_known_of_other_machines_and_plain_names() -> None:
    name = worker_id(0, bytes(10))
    assert not is_gone(WorkerId(name.replace("@", "@x")))
    assert not is_gone(WorkerId("worker_1"))


@pytest.mark.parametrize(
    ("answer", "gone"), [(None, False), (PermissionError, False), (ProcessLookupError, True)]
)
def test_where_proc_hides_others_the_kernel_is_asked(
    monkeypatch: pytest.MonkeyPatch, *, answer: type[OSError] | None, gone: bool
) -> None:
    name = worker_id(0, bytes(10))

    def kill(_pid: int, _signal: int) -> None:
        if answer is not None:
            raise answer

    monkeypatch.setattr(neighbours, "_seen", lambda _pid: None)
    monkeypatch.setattr(os, "kill", kill)
    assert is_gone(name) is gone


def test_where_there_is_no_proc_names_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_PROC", tmp_path)
    neighbours._machine.cache_clear()
    assert "@" not in worker_id(0, bytes(10))
    neighbours._machine.cache_clear()


async def test_what_a_killed_worker_held_is_taken_over_at_once(
    house: House, journal: Journal, other: tuple[WorkerId, subprocess.Popen[bytes]]
) -> None:
    """No clock moves: its lease would hold for another thirty seconds."""
    name, process = other
    run = await house.start(FLOWS.chain, 1)
    await house.world.join(name, lease_s=30)
    await house.world.claim(run.id, name)
    worker = house.worker()
    await worker.run_until_idle()
    assert journal.calls == []
    process.kill()
    process.wait()
    await house.worker().run_until_idle()
    assert await run.result() == 0


async def test_a_worker_that_works_already_notices_between_two_sweeps(
    house: House, other: tuple[WorkerId, subprocess.Popen[bytes]]
) -> None:
    """No clock moves and no sweep comes, and yet what the neighbour held is taken over."""
    name, process = other
    run = await house.start(FLOWS.chain, 1)
    await house.world.join(name, lease_s=30)
    await house.world.claim(run.id, name)
    await house.worker(sweep_s=3600).start()
    process.kill()
    await house.logged(run, "run_completed")
    assert await run.result() == 0
