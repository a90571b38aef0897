"""Versions as their world knows them: registered from here, listed, found by name, forgotten."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, PROGRAM
from tests.runtime.house import House
from wfc.api import RunStatus
from wfc.errors import AmbiguousName, VersionUnknown
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import Version
from wfc.runtime.version_names import find_version
from wfc.runtime.versions import commit_of, here, list_versions, register
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.protocol import VersionRow

PAY, SHIP, REFUND = (DefinitionId(f"shop:{name}") for name in ("pay", "ship", "refund"))


def version(name: str, **fingerprints: str) -> Version:
    told = {DefinitionId(f"shop:{workflow}"): mark for workflow, mark in fingerprints.items()}
    return Version(id=VersionId(name), workflow={}, step={}, fingerprints=told)


@pytest.fixture
async def world() -> Any:
    made = MemoryWorld()
    await made.open()
    return made


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


async def test_a_build_is_registered_with_where_it_runs(world: MemoryWorld) -> None:
    """Once; the second time nothing is written."""
    assert await register(world, version("one", pay="a"), label="first")
    (row,) = await world.versions()
    assert (row.label, row.environments, row.active) == ("first", (here(),), True)
    assert row.fingerprints == {PAY: "a"}
    world.register_version = None  # type: ignore[method-assign,assignment]  # it is not called
    assert not await register(world, version("one", pay="a"), label="second")


async def test_what_another_worker_registered_gains_what_is_known_here(world: MemoryWorld) -> None:
    await world.register_version(VersionId("one"), b"archive", label="theirs")
    assert not await register(world, version("one", pay="a"), root=Path("/nowhere"))
    (row,) = await world.versions()
    assert (row.label, row.environments, row.fingerprints) == ("theirs", (here(),), {PAY: "a"})


async def test_a_label_is_the_commit_of_the_project(world: MemoryWorld, tmp_path: Path) -> None:
    """Where there is one, and it tells whether files differ from it."""
    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "gone") is None
    git(tmp_path, "init")
    (tmp_path / "shop.py").write_text("")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    commit = commit_of(tmp_path)
    assert commit is not None
    assert len(commit) == 12
    await register(world, version("one"), root=tmp_path, activate=False)
    (row,) = await world.versions()
    assert (row.label, row.active) == (commit, False)
    (tmp_path / "shop.py").write_text("x = 1\n")
    assert commit_of(tmp_path) == f"{commit}-dirty"


async def test_a_list_tells_what_changed(world: MemoryWorld) -> None:
    """Against the version registered before; unknown where nobody said."""
    await world.register_version(VersionId("zero"), b"")
    await register(world, version("one", pay="a", ship="a"))
    await register(world, version("two", pay="a", ship="b", refund="a"))
    two, one, zero = await list_versions(world)
    assert (two.changed, one.changed, zero.changed) == ((REFUND, SHIP), None, None)
    assert two.workflows == {PAY: "a", SHIP: "b", REFUND: "a"}
    assert [each.active for each in (two, one, zero)] == [True, False, False]
    assert datetime.now(UTC) >= one.registered_at


async def test_open_runs_stand_beside_their_version(house: House) -> None:
    await house.start(FLOWS.chain, 1)
    (one,) = await list_versions(house.world)
    assert one.open_runs == 1
    await house.worker().run_until_idle()
    (one,) = await list_versions(house.world)
    assert (one.open_runs, one.id) == (0, PROGRAM.version.id)


def rows(**labels: str | None) -> list[VersionRow]:
    return [
        VersionRow(version=VersionId(name), registered_at=1, label=label, active=False)
        for name, label in labels.items()
    ]


KNOWN = rows(abcd1="v1", abcd2="v2", e3f4="v2", e3f45=None, v3v3="abcd")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("abcd1", "abcd1"), ("v1", "abcd1"), ("e3f4", "e3f4"), ("v3v", None), ("abcd", "v3v3")],
)
def test_a_version_is_found_by_id_label_or_beginning(wanted: str, found: str | None) -> None:
    """In this order; a beginning has at least four characters."""
    if found is None:
        with pytest.raises(VersionUnknown):
            find_version(KNOWN, wanted)
    else:
        assert find_version(KNOWN, wanted).version == found
        assert find_version(KNOWN[:1], "abcd").version == "abcd1"


@pytest.mark.parametrize("wanted", ["v2", "abcd"])
def test_a_name_of_several_is_refused(wanted: str) -> None:
    with pytest.raises(AmbiguousName, match="fits 2 versions"):
        find_version(KNOWN[:-1], wanted)


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("abcd3", "Did you mean .*abcd1"), ("zzz", "wfc versions"), ("", "register")],
)
def test_an_unknown_version_names_the_nearest(wanted: str, hint: str) -> None:
    with pytest.raises(VersionUnknown, match=hint):
        find_version(KNOWN, wanted)


async def test_a_start_names_a_version_as_people_do(house: House) -> None:
    """By the beginning of its id; and pruned versions cannot be named."""
    run = await house.start(FLOWS.chain, 1, version=PROGRAM.version.id[:6])
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED


async def test_a_start_on_a_version_that_was_just_pruned_registers_it_again(house: House) -> None:
    """So that its run can be executed; it does not become the active one by that."""
    newer = dataclasses.replace(PROGRAM.version, id=VersionId("f" * 16))
    await register(house.world, newer)
    pruned = await house.world.prune_versions(keep=0, failed_since=0)
    assert [row.version for row in pruned] == [PROGRAM.version.id]
    run = await house.start(FLOWS.chain, 1)
    row = await house.world.run(RunId(run.id))
    assert row is not None
    assert await house.world.version_archive(row.version) is not None
    assert [each.active for each in await house.world.versions()] == [False, True]
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED
