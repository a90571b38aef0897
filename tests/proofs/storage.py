"""A SQLite file with runs in every state, and the many ways in which a disk damages it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from tests.runtime.flows import FLOWS, PROGRAM
from tests.runtime.house import House
from wfc.clock import VirtualClock, to_datetime
from wfc.errors import WfcError
from wfc.eventlog.event import Recorded
from wfc.ids import RunId
from wfc.runtime.logs import read_log
from wfc.worlds.open import open_world

PAGE: Final = 4096
SIDE: Final = ("-wal", "-shm")
Logs = dict[str, list[Recorded]]


@asynccontextmanager
async def house_in(path: Path, clock: VirtualClock | None = None) -> AsyncIterator[House]:
    """Open a file as a world with workers. Raises `WorldError`."""
    clock = clock or VirtualClock()
    world = open_world(f"sqlite:///{path}", clock)
    await world.open()
    try:
        made = await House(world, clock, PROGRAM.version).open()
    except BaseException:
        await world.close()
        raise
    try:
        yield made
    finally:
        await made.close()


async def furnish(path: Path, runs: int = 40) -> Logs:
    """Fill a file: runs that ended, that sleep for days, and that nobody has looked at.

    At the end there are, beside the file itself, `path`.live and what belongs to it: a copy of what
    a crash would leave, whose last commits stand in its log file alone.
    """
    async with house_in(path) as made:
        for number in range(runs):
            await made.start(FLOWS.tells, 1 + number, id=f"sleeps-{number}", attributes={"n": 1})
            await made.start(FLOWS.chain, 3, id=f"ends-{number}")
        await made.worker().run_until_idle()
        checkpointed = await made.world._read("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
        assert checkpointed
        for number in range(runs):
            await made.start(FLOWS.chain, 1, id=f"new-{number}")
        for suffix in ("", *SIDE):
            shutil.copy(f"{path}{suffix}", f"{path}.live{suffix}")
        return await logs_of(made, runs)


async def logs_of(made: House, runs: int) -> Logs:
    """Read the logs of all runs that are there."""
    names = [f"{kind}-{number}" for kind in ("sleeps", "ends", "new") for number in range(runs)]
    return {name: await read_log(made.world, RunId(name)) for name in names}


# --- damage --------------------------------------------------------------------------------------


def pages_of(path: Path) -> dict[str, int]:
    """Give the first page of each table and index."""
    with closing(sqlite3.connect(path)) as file:
        return dict(file.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0"))


def garble(path: Path, offset: int, length: int = 16) -> None:
    """Turn some bytes of a file into their opposites."""
    whole = bytearray(path.read_bytes())
    for at in range(offset, min(offset + length, len(whole))):
        whole[at] ^= 0xFF
    path.write_bytes(whole)


def _sprinkled(path: Path, chance: random.Random, *, count: int) -> None:
    whole = bytearray(path.read_bytes())
    for _ in range(count if whole else 0):
        whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
    path.write_bytes(whole)


def _bit(path: Path, chance: random.Random) -> None:
    _sprinkled(path, chance, count=1)


def _bits(path: Path, chance: random.Random) -> None:
    _sprinkled(path, chance, count=200)


def _header(path: Path, chance: random.Random) -> None:
    garble(path, chance.randrange(100), 1 + chance.randrange(16))


def _page(path: Path, chance: random.Random) -> None:
    garble(path, chance.randrange(path.stat().st_size // PAGE) * PAGE)


def _zeros(path: Path, chance: random.Random) -> None:
    at = chance.randrange(path.stat().st_size // PAGE) * PAGE
    whole = bytearray(path.read_bytes())
    whole[at : at + PAGE] = bytes(PAGE)
    path.write_bytes(whole)


def _misplaced(path: Path, chance: random.Random) -> None:
    """Write a page where another belongs."""
    whole = bytearray(path.read_bytes())
    left, right = (chance.randrange(len(whole) // PAGE) * PAGE for _ in range(2))
    whole[left : left + PAGE] = whole[right : right + PAGE]
    path.write_bytes(whole)


def _cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def _empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def _noise(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(path.stat().st_size))


def _log_bits(path: Path, chance: random.Random) -> None:
    _sprinkled(Path(f"{path}-wal"), chance, count=chance.choice((1, 20)))


def _log_cut(path: Path, chance: random.Random) -> None:
    _cut(Path(f"{path}-wal"), chance)


def _log_gone(path: Path, chance: random.Random) -> None:
    Path(f"{path}-wal").unlink()


def _log_noise(path: Path, chance: random.Random) -> None:
    _noise(Path(f"{path}-wal"), chance)


def _index_gone(path: Path, chance: random.Random) -> None:
    Path(f"{path}-shm").unlink()


def _index_noise(path: Path, chance: random.Random) -> None:
    _noise(Path(f"{path}-shm"), chance)


KINDS: Final[dict[str, Callable[[Path, random.Random], None]]] = {
    one.__name__[1:]: one
    for one in (
        _bit, _bits, _header, _page, _zeros, _misplaced, _cut, _empty, _noise, _log_bits, _log_cut,
        _log_gone, _log_noise, _index_gone, _index_noise,
    )
}  # fmt: skip
OF_THE_LOG: Final = ("log_bits", "log_cut", "log_gone", "log_noise")
"""Of these the last commits are lost, as of a disk that lied; what is left is whole."""
HARMLESS: Final = ("index_gone", "index_noise")
"""What SQLite makes anew."""


# --- what must hold ------------------------------------------------------------------------------


async def told_by_check(path: Path) -> type[WfcError] | None:
    """Give the error by which the file is refused, or found damaged."""
    try:
        async with house_in(path) as made:
            await made.world.check()
    except WfcError as error:
        return type(error)
    return None


async def use(path: Path, before: Logs) -> set[str]:
    """Read all runs, start one and let a worker go on for years; give the names of what was told.

    Only errors of wfc come out, and each log is read as it was, or longer, or refused: never is
    something else taken for it. A beginning of it is all there is where commits were lost.
    """
    told: set[str] = set()
    clock = VirtualClock(to_datetime(_end_of(before)))
    try:
        async with house_in(path, clock) as made:
            for name, log in before.items():
                try:
                    found = await read_log(made.world, RunId(name))
                except WfcError as error:
                    told.add(type(error).__name__)
                else:
                    both = min(len(found), len(log))
                    assert found[:both] == log[:both], name
            told |= await _work(made)
    except WfcError as error:
        told.add(type(error).__name__)
    return told


def _end_of(logs: Logs) -> int:
    return max(log[-1].recorded_at for log in logs.values())


async def _work(made: House) -> set[str]:
    told: set[str] = set()
    try:
        await made.start(FLOWS.chain, 1, id="another")
        for days in (0, 1, 100):
            made.advance(days=days)
            await made.worker().run_until_idle()
        await made.world.sweep()
    except WfcError as error:
        told.add(type(error).__name__)
    return told


async def complete(path: Path, before: Logs) -> None:
    """See that the file has all runs as they were, takes a new one, and lets all of them end."""
    clock = VirtualClock(to_datetime(_end_of(before)))
    async with house_in(path, clock) as made:
        await made.world.check()
        for name, log in before.items():
            assert await read_log(made.world, RunId(name)) == log
        made.advance(days=100)
        await made.worker().run_until_idle()
        made.advance(days=100)
        await made.worker().run_until_idle()
        for name in before:
            row = await made.world.run(RunId(name))
            assert row is not None
            assert str(row.status) == "completed", name
