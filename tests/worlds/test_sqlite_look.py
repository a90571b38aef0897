"""A SQLite file that is only looked at stays as it is, and so does what lies beside it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from wfc.errors import WorldCorrupt, WorldLocked, WorldReadOnly, WorldUnreachable
from wfc.ids import RunId, VersionId, WorkerId
from wfc.worlds.open import open_world
from wfc.worlds.promises.given import RUN, started
from wfc.worlds.protocol import RunFilter
from wfc.worlds.sqlite import SqliteWorld
from wfc.worlds.sqlite_look import SqliteLook


async def written(path: Path) -> SqliteWorld:
    """An open world with a run."""
    world = SqliteWorld(path)
    await world.open()
    await started(world)
    return world


def state_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def seen(path: Path) -> list[RunId]:
    """The runs, as they are seen by who only looks."""
    world = open_world(f"sqlite:///{path}", look=True)
    assert isinstance(world, SqliteLook)
    await world.open()
    await world.open()
    try:
        return [run.run_id for run in (await world.list_runs(RunFilter())).runs]
    finally:
        await world.close()
        await world.close()


async def test_a_file_at_rest_is_read_and_nothing_is_made(tmp_path: Path) -> None:
    """Neither a log nor an index beside it, and no byte of it changes."""
    path = tmp_path / "there" / "world.db"
    path.parent.mkdir()
    await (await written(path)).close()
    before = state_of(path.parent)
    assert await seen(path) == [RUN]
    assert state_of(path.parent) == before


async def test_a_copy_with_a_log_is_read_whole(tmp_path: Path) -> None:
    """As a crash leaves it: what stands in the log alone is seen, and no index is made for it."""
    world = await written(tmp_path / "world.db")
    copy = tmp_path / "copy"
    copy.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{world.path}{suffix}", f"{copy / 'world.db'}{suffix}")
    await world.close()
    before = state_of(copy)
    assert await seen(copy / "world.db") == [RUN]
    assert state_of(copy) == before


async def test_a_file_in_use_is_read_beside_its_writer(tmp_path: Path) -> None:
    """And goes on being written meanwhile."""
    world = await written(tmp_path / "world.db")
    look = SqliteLook(world.path)
    await look.open()
    await started(world, RunId("run_2"))
    assert len((await look.list_runs(RunFilter())).runs) == 2
    await look.close()
    await world.close()


async def test_who_begins_to_write_meanwhile_is_noticed(tmp_path: Path) -> None:
    """Pages of two times are no answer; the next look is beside the writer."""
    path = tmp_path / "world.db"
    await (await written(path)).close()
    look = SqliteLook(path)
    await look.open()
    world = SqliteWorld(path)
    await world.open()
    await started(world, RunId("run_2"))
    with pytest.raises(WorldLocked, match="somebody began to write"):
        await look.list_runs(RunFilter())
    assert len(await seen(path)) == 2
    await world.close()
    with pytest.raises(WorldLocked):
        await look.list_runs(RunFilter())
    await look.close()


async def test_nothing_can_be_written(tmp_path: Path) -> None:
    """By no door."""
    path = tmp_path / "world.db"
    await (await written(path)).close()
    look = SqliteLook(path)
    await look.open()
    for write in (
        look.check(),
        look.register_version(VersionId("f" * 16), b""),
        look.join(WorkerId("worker_1"), lease_s=30),
    ):
        with pytest.raises(WorldReadOnly, match="reading alone"):
            await write
    await look.close()


async def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A file of an older wfc is not brought up to date; one that is not there is not made."""
    with pytest.raises(WorldUnreachable, match="makes none"):
        await SqliteLook(tmp_path / "none.db").open()
    old = tmp_path / "old.db"
    await (await written(old)).close()
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = '3' WHERE key = 'schema'")
    with pytest.raises(WorldUnreachable, match="wfc db migrate"):
        await SqliteLook(old).open()
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one")
    with pytest.raises(WorldCorrupt):
        await SqliteLook(tmp_path / "text.db").open()
    assert {"old.db", "text.db"} <= state_of(tmp_path).keys()
    assert "none.db" not in state_of(tmp_path)


_AS_NOBODY = """
import asyncio, os, sys
import wfc.worlds.sqlite_look
from wfc.worlds.protocol import RunFilter
async def look(path):
    world = wfc.worlds.sqlite_look.SqliteLook(path)
    await world.open()
    found = [run.run_id for run in (await world.list_runs(RunFilter())).runs]
    await world.close()
    return found
async def main():
    await look(sys.argv[1])  # loads all that is loaded late, while we may
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    print(await look(sys.argv[1]))
asyncio.run(main())
"""


def looked_at_by_nobody(folder: Path) -> subprocess.CompletedProcess[str]:
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        return subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(folder / "world.db")],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        folder.chmod(0o700)


async def test_a_read_only_copy_is_read_by_who_may_not_write() -> None:
    """Neither the file nor its folder can be written."""
    with (
        tempfile.TemporaryDirectory() as name
    ):  # below a folder that nobody else may enter it fails
        await (await written(Path(name) / "world.db")).close()
        done = looked_at_by_nobody(Path(name))
    assert (done.returncode, done.stdout.strip()) == (0, f"['{RUN}']"), done.stderr
