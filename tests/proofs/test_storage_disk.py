"""A disk fills up while runs go on: a coded error, reads go on, and all goes on when there is room.

What `start` acknowledged before, between and after is there, and comes to its right end.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_server import Server
from tests.proofs import disks
from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.findings import Findings
from tests.proofs.record import proof
from tests.proofs.storage import house_in
from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.histories import drop_histories
from tests.runtime.house import House
from wfc.cli.main import main
from wfc.clock import SystemClock, VirtualClock
from wfc.errors import WorldFull
from wfc.runtime.logs import read_log
from wfc.runtime.run import Run
from wfc.worlds.open import open_world

LENGTH = 3
STARTS_MAX = 3000
KIB = 1024


@pytest.fixture(autouse=True)
def _journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "journal", Journal(), raising=False)
    yield
    drop_histories()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk", "6m") as folder:
        yield folder


async def until_full(house: House) -> list[Run[Any]]:
    """Start runs until the world says that its disk is full; give those it acknowledged."""
    begun = []
    for _ in range(STARTS_MAX):
        try:
            begun.append(await house.start(FLOWS.chain, LENGTH))
        except WorldFull:
            return begun
    raise AssertionError("the disk was never full")


async def fills_up(disk: Path, left: int) -> int:
    """Fill the disk but for `left` bytes, and see that nothing acknowledged is lost."""
    path, ballast = disk / "world.db", disks.Ballast(disk)
    async with house_in(path) as made:
        await made.embedded(probe_s=0.001)
        before = [await made.start(FLOWS.chain, LENGTH) for _ in range(3)]
        ballast.fill(left=left)
        begun = [*before, *await until_full(made)]
        for run in begun:
            assert await read_log(made.world, run.id), "reads go on"
        ballast.throw_off()
        await _all_end(made, begun)
    _clear(disk)
    return len(begun)


def _clear(disk: Path) -> None:
    for file in disk.iterdir():
        file.unlink()


async def _all_end(made: House, begun: list[Run[Any]]) -> None:
    """See that every run ends as it must, and that another one does."""
    begun.append(await made.start(FLOWS.chain, LENGTH))
    expected = sum(range(LENGTH))
    for run in begun:
        assert await run.result("60s") == expected
        names = [one.event.name for one in await read_log(made.world, run.id)]
        assert names.count("step_completed") == LENGTH
        assert names.count("run_completed") == 1
    await made.world.check()


async def test_a_worker_goes_on_when_there_is_room_again(disk: Path) -> None:
    """Nothing acknowledged is lost, no outcome is recorded twice."""
    assert await fills_up(disk, left=200 * KIB) > 3


def test_the_doctor_tells_of_a_full_disk(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the disk of the world, which need not be that of the project."""
    url, ballast = f"sqlite:///{disk}/world.db", disks.Ballast(disk)
    words = ["doctor", "--world", url, "--project", str(disk.parent)]
    main(words)
    assert "WFC950" not in capsys.readouterr().out
    ballast.fill()
    assert main(words) == 1
    assert "WFC950 disk of the world" in capsys.readouterr().out
    ballast.throw_off()
    main(words)
    assert "WFC950" not in capsys.readouterr().out


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL on a disk of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="wfc-pg-") as name,
        disks.small_disk(Path(name) / "d", "120m", mode="777") as disk,
    ):
        Path(name).chmod(0o755)
        made = Server(disk / "s")
        made.make()
        yield made
        with contextlib.suppress(RuntimeError):  # it may have gone down with its disk
            made.stop()


async def postgres_fills_up(server: Server, left: int) -> int:
    """Fill the disk of a server but for `left` bytes; give how many runs it acknowledged."""
    ballast = disks.Ballast(server.folder.parent)
    world = open_world(server.url, SystemClock())
    await world.open()
    house = await House(world, VirtualClock(), PROGRAM.version).open()
    try:
        before = [await house.start(FLOWS.chain, LENGTH) for _ in range(3)]
        ballast.fill(left=left)
        begun = [*before, *await until_full(house)]
        for run in begun:
            assert await read_log(world, run.id), "reads go on"
        ballast.throw_off()
        await house.embedded(probe_s=0.01)
        await _all_end(house, begun)
        return len(begun)
    finally:
        await house.close()


@pytest.mark.timeout(200)
async def test_a_full_disk_of_postgresql_loses_nothing(server: Server) -> None:
    """The server refuses to write, and so do we; when there is room all goes on."""
    assert await postgres_fills_up(server, 0) > 3


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_disk_that_is_full_at_any_point(disk: Path) -> None:
    """The same, with another amount of room left each time."""
    with proof(
        "storage-full-disk",
        title="Full disk, SQLite",
        holds="a coded error, reads go on, every acknowledged run ends right when there is room",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak "
        "tests/proofs/test_storage_disk.py",
    ) as figures:
        findings, disks_filled, runs = Findings(), 0, 0
        for seed in seeds_for():
            chance = random.Random(seed)  # noqa: S311 - repeatable, and no secret
            try:
                runs += await fills_up(disk, left=chance.randrange(400 * KIB))
            except Exception as error:  # noqa: BLE001 - the proof goes on, and fails at its end
                findings.add(seed, error)
                _clear(disk)
            disks_filled += 1
            drop_histories()
        figures["times the disk was full"] = disks_filled
        figures["runs that ended right"] = runs
        figures["findings"] = findings.count.total()
        findings.check()


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_disk_of_postgresql_that_is_full_at_any_point(server: Server) -> None:
    """The same, with another amount of room left each time."""
    with proof(
        "storage-full-disk-postgresql",
        title="Full disk, PostgreSQL",
        holds="a coded error, reads go on, every acknowledged run ends right when there is room",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak "
        "tests/proofs/test_storage_disk.py",
    ) as figures:
        filled, runs = 0, 0
        for seed in seeds_for():
            chance = random.Random(seed)  # noqa: S311 - repeatable, and no secret
            runs += await postgres_fills_up(server, chance.randrange(400 * KIB))
            filled += 1
            drop_histories()
        figures["times the disk was full"] = filled
        figures["runs that ended right"] = runs
