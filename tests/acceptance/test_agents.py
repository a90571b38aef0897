"""Kill the process of a conversation at every point, restart it, and hold it to the same words.

Three turns with tools at the same time, retries of a tool and of the model in mid-answer, an
approval, an agent within the agent, a typed answer, and a restart between two turns.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.crash.zygotes import RUN, Scene, Zygote, zygote
from wfc.clock import SystemClock
from wfc.eventlog.event import Recorded, StepCompleted, StepFailed
from wfc.worlds.open import open_world

pytestmark = pytest.mark.timeout(3600)
PROJECT = Path(__file__).parent / "agents" / "cases"
TURNS = ("1", "2", "2.1", "3")
DOSE = 6
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
async def test_a_conversation_survives_a_kill_at_every_pass(
    warm: Zygote, calm: Scene, tmp_path: Path
) -> None:
    for point in calm.passes():
        await _survives(warm, calm, tmp_path, point)


async def _survives(warm: Zygote, calm: Scene, tmp_path: Path, point: str) -> None:
    folder = tmp_path / point.replace(":", "-")
    folder.mkdir()
    scene = Scene(folder, warm)
    code = scene.play("talks", fault=f"{point}:kill")
    if code == 0:
        return  # another interleaving, which never came to this pass
    assert code == -signal.SIGKILL, point
    kept, begun, before = await scene.history(), scene.bodies(), await _chunks(scene)
    assert scene.play("talks") == 0, point
    history = await scene.history()
    assert history[: len(kept)] == kept, point
    assert scene.answer() == calm.answer(), point
    bodies = scene.bodies()
    for step in _recorded(kept):
        assert bodies[step] == begun[step], f"{point}: {step} ran again after its outcome"
    after = await _chunks(scene)
    undisturbed = await _chunks(calm)
    for turn in TURNS:
        assert after[turn][: len(before[turn])] == before[turn], f"{point}: turn {turn}"
        assert meant(after[turn]) == meant(undisturbed[turn]), f"{point}: turn {turn}"


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
