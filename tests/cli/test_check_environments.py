"""`wfc check` against a world: what its versions were registered on is compared, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from wfc import codec
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId
from wfc.manifests.store import read_version, to_archive
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Environment, NewRun

from .conftest import WORKFLOW, Said

Wfc = Callable[..., Said]
SHOP = """\
async def checkout(order_id: str) -> str:
    "use workflow"
    return order_id
"""


async def deployed(project: Path, folder: Path, environment: Environment) -> None:
    """Register a build in the project's world, and begin a run of it."""
    version = read_version(folder)
    arguments, _ = codec.encode_arguments({"order_id": "o-1"}, call="start")
    created = RunCreated(
        workflow=WORKFLOW,
        version=version.id,
        fingerprint=version.fingerprints[WORKFLOW],
        arguments=arguments,
        seed=bytes(32),
    )
    world = open_world(f"sqlite:///{project / 'runs.db'}")
    await world.open()
    await world.register_version(version.id, to_archive(version), environment=environment)
    await world.append(RunId("r1"), [created], guard=NewRun())
    await world.close()


def test_runs_of_another_python_are_replayed(wfc: Wfc, project: Path) -> None:
    """The code means the same, and the run moves because its history says so."""
    (project / "shop.py").write_text(SHOP)
    name = wfc("build", "--json").json["data"]["version"]
    elsewhere = Environment(python="3.10", wfc="0.0.1", platform="linux-x86_64")
    asyncio.run(deployed(project, project / ".wfc" / "versions" / name, elsewhere))
    (project / "shop.py").write_text(f"# Sells things.\n{SHOP}")
    said = wfc("check", "--json", "--jobs", "1")
    data = said.json["data"]
    assert said.code == 0, said.err
    assert (data["level"], data["runs"]) == (
        "replay",
        {"move": 1, "there": 1, "stay": 0, "cannot": 0},
    )
    assert {one["code"] for one in data["findings"]} == {"WFC614"}
    assert any(one["sentence"].startswith("Python 3.10 -> ") for one in data["findings"])
