"""Histories of every release, some upgraded: this one reads, replays and continues them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.histories import releases
from tests.runtime.moving_house import FLOW, Moves
from tests.upgrade.moving import built
from wfc.clock import VirtualClock
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.manifests.compare import compare
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Manifest
from wfc.runtime.exported import SUFFIX, Exported, load, read
from wfc.runtime.replaying import replay_all
from wfc.runtime.verdict import Answer
from wfc.worlds.memory import MemoryWorld

HISTORIES = [path for release in releases() for path in sorted(release.glob(f"*{SUFFIX}"))]
RELEASES = pytest.mark.parametrize("release", releases(), ids=lambda path: path.name)
EVERY = pytest.mark.parametrize(
    "path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}"
)


def expected(release: Path) -> Any:
    return json.loads((release / "expected.json").read_text("utf-8"))


async def loaded(exported: Exported) -> Moves:
    clock = VirtualClock()
    moves = Moves(MemoryWorld(clock), clock)
    await moves.world.open()
    await load(exported, moves.world)
    return moves


def test_there_are_some() -> None:
    """An upgraded run, one with a marker, one that went back, one that was revived, one open."""
    assert len(HISTORIES) >= 6


@RELEASES
@pytest.mark.parametrize("name", ["one", "two"])
def test_the_sources_mean_what_they_meant(release: Path, name: str) -> None:
    """Equal fingerprints, and a manifest to which nothing differs."""
    version = built((release / f"{name}.py").read_text("utf-8"))
    assert version.fingerprints[FLOW] == expected(release)["fingerprints"][name]
    before = Manifest.read(release / f"{name}.manifest.json")
    found = compare(before, Manifest.parse(version.manifest))
    assert {one.level for one in found.workflows.values()} == {Level.IDENTICAL}


@EVERY
async def test_a_history_replays_on_its_bundle(path: Path) -> None:
    """The bundle is in the file; log, status and result are what they were."""
    exported = read(path)
    moves = await loaded(exported)
    state = fold(exported.log)
    told = expected(path.parent)["outcomes"][path.stem]
    row = await moves.world.run(exported.run_id)
    assert row is not None
    assert (row.status.value, state.status.value) == (told["status"], told["status"])
    replays = await replay_all(moves.session, exported.run_id, exported.log)
    assert [one.problem for one in replays] == [None]
    if told["result"] is not None:
        assert await moves.run(path.stem).result() == told["result"]


@RELEASES
async def test_an_open_run_goes_on(release: Path) -> None:
    """On the present build of its version, as it would have then; or back on the first."""
    exported = read(release / f"open{SUFFIX}")
    for name, taxes in (("two", [19, 7, 7]), ("one", [19, 19, 19])):
        moves = await loaded(exported)
        version = await moves.deploy((release / f"{name}.py").read_text("utf-8"))
        verdict = await moves.run("open").upgrade(to=version.id)
        assert verdict.answer is Answer.MOVE
        await moves.run("open").unpause()
        moves.advance(days=31)  # to where the clock of the history stood
        for _ in range(3):
            moves.advance(days=31)
            await moves.work(version)
        assert await moves.run("open").result() == ["open:4200", taxes]
        fold(await moves.log("open"))
        await moves.close()
        assert RunId("open") == exported.run_id
