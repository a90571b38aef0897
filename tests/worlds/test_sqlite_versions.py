"""Versions in a file that several processes share, also with one of an older wfc."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wfc.errors import VersionUnknown
from wfc.ids import RunId, VersionId
from wfc.worlds.promises.given import RUN, created, started
from wfc.worlds.protocol import Environment, NewRun
from wfc.worlds.sqlite import SqliteWorld

OLD, NEW = VersionId("old"), VersionId("new")


@pytest.fixture
async def worlds(tmp_path: Path) -> AsyncIterator[tuple[SqliteWorld, SqliteWorld]]:
    """One file, opened twice: each has its own writer and its own connections."""
    made = SqliteWorld(tmp_path / "world.db"), SqliteWorld(tmp_path / "world.db")
    for world in made:
        await world.open()
    yield made
    for world in made:
        await world.close()


async def test_two_processes_register_at_once(worlds: tuple[SqliteWorld, SqliteWorld]) -> None:
    """One of them is told that it is new, and both environments stand there."""
    for number in range(10):
        version = VersionId(f"v{number}")
        answers = await asyncio.gather(*(
            world.register_version(
                version, b"", environment=Environment(python=f"3.{minor}", wfc="0", platform="x")
            )
            for minor, world in enumerate(worlds)
        ))  # fmt: skip
        assert sorted(answers) == [False, True]
    rows = await worlds[0].versions()
    assert rows == await worlds[1].versions()
    assert {len(row.environments) for row in rows} == {2}
    assert [row.active for row in rows] == [True] + [False] * 9


async def test_a_prune_and_the_starts_of_another_process_exclude_each_other(
    worlds: tuple[SqliteWorld, SqliteWorld],
) -> None:
    """Either the run is there and its version with it, or neither."""
    pruner, starter = worlds
    await pruner.register_version(NEW, b"")
    for number in range(30):
        version, run_id = VersionId(f"v{number}"), RunId(f"run_{number}")
        await starter.register_version(version, b"", activate=False)
        await asyncio.gather(
            starter.append(run_id, [created(version=version)], guard=NewRun()),
            pruner.prune_versions(keep=0, failed_since=0, only={version}),
            return_exceptions=True,
        )
        held = await pruner.version_archive(version) is not None
        assert held == (await pruner.run(run_id) is not None)


async def test_what_an_older_wfc_registers_again_is_no_longer_pruned(
    worlds: tuple[SqliteWorld, SqliteWorld],
) -> None:
    """It knows the table of builds, and not that of what was pruned."""
    world, _ = worlds
    await world.register_version(OLD, b"1")
    await world.register_version(NEW, b"2")
    for _ in range(2):
        await world.prune_versions(keep=0, failed_since=0)
        with pytest.raises(VersionUnknown):
            await world.append(RUN, [created(version=OLD)], guard=NewRun())
        _registered_by_an_older_wfc(world.path)
    await started(world, RUN, created(version=OLD))


def _registered_by_an_older_wfc(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO bundles (version, archive, label, registered_at, active)"
        " VALUES ('old', x'31', NULL, 7, 0) ON CONFLICT (version) DO NOTHING"
    )
    connection.commit()
    connection.close()
