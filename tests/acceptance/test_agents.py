"""Kill the process of a conversation at every point, restart it, and hold it to the same words.

Three turns with tools at the same time, retries of a tool and of the model in mid-answer, an
approval, an agent within the agent, a typed answer, and a restart between two turns.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.crash.zygotes import RUN, Scene, Zygote, zygote
from tests.postgres_server import Database
from wfc.clock import SystemClock
from wfc.eventlog.event import Recorded, StepCompleted, StepFailed
from wfc.worlds.open import open_world

pytestmark = pytest.mark.timeout(3600)
PROJECT = Path(__file__).parent / "agents" / "cases"
TURNS = ("1", "2", "2.1", "3")
DOSE = 3
"""How many kills the default suite takes, spread over all appends."""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("zygote"), PROJECT, module="agent_flows") as found:
        yield found


@pytest.fixture(scope="module")
def calm(warm: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A conversation that nobody disturbs."""
    scene = Scene(tmp_path_factory.mktemp("calm"), warm)
    assert scene.play("talks", log=True) == 0
    return scene


async def test_a_conversation_survives_kills(warm: Zygote, calm: Scene, tmp_path: Path) -> None:
    """After some appends of events and chunks: nothing is said twice, and nothing else is said."""
    written = [one for one in calm.passes() if one.startswith(("run.appended:", "chunks.written:"))]
    assert len(written) > 30
    for point in written[2 :: len(written) // DOSE]:
        await _survives(warm, calm, tmp_path, point)


@pytest.mark.soak
async def test_a_conversation_in_postgresql_survives_kills(
    warm: Zygote, calm: Scene, tmp_path: Path, postgres_database: Database
) -> None:
    """What the process had sent may still be under way in the server when it is dead."""
    url = await asyncio.to_thread(postgres_database.clean)
    (tmp_path / "log").mkdir()
    scene = Scene(tmp_path / "log", warm, url)
    assert scene.play("talks", log=True) == 0
    for point in scene.passes()[::12]:
        url = await asyncio.to_thread(postgres_database.clean)
        await _survives(warm, calm, tmp_path, point, url)


@pytest.mark.soak
async def test_a_conversation_survives_a_kill_at_every_pass(
    warm: Zygote, calm: Scene, tmp_path: Path
) -> None:
    for point in calm.passes():
        await _survives(warm, calm, tmp_path, point)


async def _survives(warm: Zygote, calm: Scene, tmp_path: Path, point: str, url: str = "") -> None:
    folder = tmp_path / point.replace(":", "-")
    folder.mkdir()
    scene = Scene(folder, warm, url)
    code = scene.play("talks", fault=f"{point}:kill")
    if code == 0:
        return  # another interleaving, which never came to this pass
    assert code == -signal.SIGKILL, point
    kept, begun, before = await _history(scene), _bodies(scene), await _chunks(scene)
    assert scene.play("talks") == 0, point
    history = await _history(scene)
    assert history[: len(kept)] == kept, point
    assert scene.answer() == calm.answer(), point
    bodies = _bodies(scene)
    for step in _recorded(kept):
        assert bodies[step] == begun[step], f"{point}: {step} ran again after its outcome"
    after = await _chunks(scene)
    undisturbed = await _chunks(calm)
    for turn in TURNS:
        assert after[turn][: len(before[turn])] == before[turn], f"{point}: turn {turn}"
        assert meant(after[turn]) == meant(undisturbed[turn]), f"{point}: turn {turn}"


def _bodies(scene: Scene) -> Counter[str]:
    """Count the bodies that began, by step id."""
    return Counter(line[1] for line in scene.journal if line[0] == "begin")


async def _history(scene: Scene) -> list[Recorded]:
    """Read the run's log (empty if there is none yet)."""
    world = open_world(scene.world_url, SystemClock())
    await world.open()
    try:
        return await world.history(RUN)
    finally:
        await world.close()


def _recorded(history: list[Recorded]) -> list[str]:
    ends = (StepCompleted, StepFailed)
    return [one.event.operation_id for one in history if isinstance(one.event, ends)]


async def _chunks(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    world = open_world(scene.world_url, SystemClock())
    await world.open()
    try:
        return {
            turn: [
                json.loads(chunk.body)
                for chunk in (await world.read_chunks(RUN, f"ui~{turn}", 0, 1000)).chunks
            ]
            for turn in TURNS
        }
    finally:
        await world.close()


def meant(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give what a reader is left with: a step that began anew takes back what it had said."""
    kept: list[dict[str, Any]] = []
    for frame in frames:
        if frame["type"] == "reset-step":
            last = max(at for at, one in enumerate(kept) if one["type"] == "start-step")
            del kept[last + 1 :]
        else:
            kept.append({**frame, "approvalId": "apr"} if "approvalId" in frame else frame)
    return _in_parts(kept)


def _in_parts(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order what tools came to: those of one step answer in the order in which they are done."""
    outputs = [one for one in frames if one["type"].startswith("tool-output")]
    rest = [one for one in frames if not one["type"].startswith("tool-output")]
    return rest + sorted(outputs, key=lambda one: str(one["toolCallId"]))
