"""Write the histories of a release; also run by itself, once for each release.

`python -m tests.golden.histories 0.1.0` runs the programs of that folder and exports the runs: what
is written once is never written again, since every later release must read and replay it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from tests.runtime.moving_house import FLOW, Moves
from wfc.clock import VirtualClock
from wfc.ids import RunId
from wfc.manifests.store import Version
from wfc.runtime.exported import SUFFIX, export, lines_of
from wfc.worlds.memory import MemoryWorld

HERE: Final = Path(__file__).parent


def releases() -> list[Path]:
    """List the folders of releases."""
    return sorted(path.parent for path in HERE.glob("*/one.py"))


async def write(release: Path) -> None:
    """Run the two programs of a release, and export what came of it."""
    clock = VirtualClock()
    moves = Moves(MemoryWorld(clock), clock)
    await moves.world.open()
    one, two = [(release / f"{name}.py").read_text("utf-8") for name in ("one", "two")]
    old = await moves.deploy(one)
    await moves.begin(old, "plain", "upgraded", "back", "open", "revived")
    await moves.work(old)
    await _month(moves, old)
    new = await moves.deploy(two)
    for name in ("upgraded", "back", "open", "revived"):
        assert (await moves.run(name).upgrade()).moved
    await moves.begin(new, "fresh")
    assert (await moves.run("back").upgrade(to=old.id)).moved
    await moves.work(new)
    await moves.run("open").pause()
    for _ in range(4):
        await _month(moves, new)
    outcomes: dict[str, Any] = {}
    for name in ("plain", "upgraded", "back", "open", "revived", "fresh"):
        run = moves.run(name)
        status = await run.status()
        exported = await export(moves.world, RunId(name))
        path = release / f"{name}{SUFFIX}"
        if not path.exists():
            path.write_text("".join(f"{line}\n" for line in lines_of(exported)), "utf-8")
        outcomes[name] = {
            "status": status.value,
            "result": await run.result() if status.value == "completed" else None,
        }
    for name, version in (("one", old), ("two", new)):
        _keep(release / f"{name}.manifest.json", version.manifest)
    fingerprints = {name: v.fingerprints[FLOW] for name, v in (("one", old), ("two", new))}
    told = {"fingerprints": fingerprints, "outcomes": outcomes}
    _keep(release / "expected.json", json.dumps(told, indent=1, sort_keys=True) + "\n")
    await moves.close()


def _keep(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, "utf-8")


async def _month(moves: Moves, version: Version) -> None:
    moves.advance(days=31)
    await moves.work(version)


if __name__ == "__main__":
    asyncio.run(write(HERE / sys.argv[1]))
