"""Kill a real process at every fault point of a run, restart it, and hold the promises against it.

DESIGN section 7, promises 1 to 5. Each case is two real processes: the first dies by SIGKILL at one
pass of one fault point, the second finds what is left and carries the run to its end.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.crash.zygotes import Scene, Zygote, zygote
from tests.postgres_server import Database
from wfc import codec
from wfc.eventlog.event import (
    TERMINAL,
    Recorded,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRetrying,
)
from wfc.eventlog.fold import fold
from wfc.worlds.chunks import ChunkRow, Form
from wfc.worlds.protocol import ChunkPage

pytestmark = pytest.mark.timeout(600)

FLOWS = [
    "sequence",
    "patient",
    "fan_out",
    "careful",
    "compensating",
    "asking",
    "family",
    "chapters",
    "relay",
    "chatty",
    "turns",
]
LONG = [pytest.param("calling", marks=pytest.mark.soak)]
"""Flows that are killed at many points, and tried in soaks alone."""
CHILDREN = {"family": 4}
ATTEMPTS = {"flaky": 4, "once": 1}
ANSWERS: dict[str, list[dict[str, object]]] = {
    "sequence": [{"output": 9}],
    "fan_out": [{"output": 24}],
    "patient": [{"output": 4}],
    "careful": [{"output": "ran 3"}, {"output": "lost WorkerLost"}],
    "asking": [{"output": 7}],
    "family": [{"output": [7, "RunFailed", "RunCancelled", 6, "other"]}],
    "chapters": [{"output": 4}],
    "relay": [{"output": [30, 3, 1]}],
    "calling": [{"output": [3, 201, "4"]}],
    "chatty": [{"output": 9}],
    "turns": [{"output": [3, 2, 1, 0]}],
    "compensating": [{"failed": "user", "cause": "FatalError('no')"}],
}
WRITTEN = {"chatty": [3, 4, 5, 6, 7, 8], "turns": [3, 2, 1, 0]}
"""What the streams of runs hold in the end, without what a repeated step has made void."""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("zygote")) as found:
        yield found


@pytest.mark.parametrize("flow", [*FLOWS, *LONG])
async def test_a_run_survives_a_kill_at_every_point(
    warm: Zygote, tmp_path: Path, flow: str
) -> None:
    """Nothing acknowledged is lost, no recorded step runs again, the result is right.

    Each point by name: the first and the last time that it is passed.
    """
    await _survives(warm, tmp_path, flow, _first_and_last)


async def test_a_run_in_postgresql_survives_a_kill(
    warm: Zygote, tmp_path: Path, postgres_database: Database
) -> None:
    """What the process had sent may still be under way in the server when it is dead."""
    await _survives(warm, tmp_path, "sequence", _a_few, postgres_database)


@pytest.mark.soak
@pytest.mark.parametrize("flow", FLOWS)
async def test_a_run_in_postgresql_survives_a_kill_at_every_point(
    warm: Zygote, tmp_path: Path, postgres_database: Database, flow: str
) -> None:
    """The same, at all of them."""
    await _survives(warm, tmp_path, flow, _first_and_last, postgres_database)


@pytest.mark.soak
@pytest.mark.parametrize("flow", [*FLOWS, *LONG])
async def test_a_run_survives_a_kill_at_every_pass(warm: Zygote, tmp_path: Path, flow: str) -> None:
    """The same, each time that a point is passed."""
    await _survives(warm, tmp_path, flow, list)


def _first_and_last(passes: list[str]) -> list[str]:
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for each in passes:
        point = each.partition(":")[0]
        first.setdefault(point, each)
        last[point] = each
    chosen = {*first.values(), *last.values()}
    return [each for each in passes if each in chosen]


def _a_few(passes: list[str]) -> list[str]:
    return _first_and_last(passes)[::6]


async def _survives(
    warm: Zygote,
    tmp_path: Path,
    flow: str,
    choose: Callable[[list[str]], list[str]],
    database: Database | None = None,
) -> None:
    calm = await _scene(warm, tmp_path, "calm", database)
    assert calm.play(flow, log=True) == 0
    passes = calm.passes()
    assert len(set(passes)) == len(passes)
    assert len(passes) > 10, "a run has more commits than that"
    for point in choose(passes):
        scene = await _scene(warm, tmp_path, point.replace(":", "-"), database)
        code = scene.play(flow, fault=f"{point}:kill")
        if code == 0:
            continue  # another interleaving, which never came to this pass
        assert code == -signal.SIGKILL, point
        await _recovers(scene, flow, point)


async def _recovers(scene: Scene, flow: str, point: str) -> None:
    kept, begun = await scene.history(), scene.bodies()
    written = await scene.chunks()
    assert scene.play(flow) == 0, point
    history, bodies = await scene.history(), scene.bodies()
    assert history[: len(kept)] == kept, f"{point}: the log lost or changed events"
    assert scene.answer() in ANSWERS[flow], point
    _is_legal(history, point)
    _goes_on(written, await scene.chunks(), flow, point)
    children = await scene.children()
    assert len(children) == CHILDREN.get(flow, 0), point
    for log in children:
        _is_legal(log, point)
    for step in _ended(kept):
        assert bodies[step] == begun[step], f"{point}: {step} ran again after its outcome"
    for step, count in bodies.items():
        allowed = ATTEMPTS.get(step.partition("~")[0], 3)
        assert count <= allowed, f"{point}: {count} bodies of {step}"


def _goes_on(before: ChunkPage | None, after: ChunkPage | None, flow: str, point: str) -> None:
    """Hold a stream to its contract: what a reader had stays, and the rest follows by its index."""
    assert after is not None
    assert after.closed, point
    length = 0 if before is None else len(before.chunks)
    assert before is None or after.chunks[:length] == before.chunks, point
    assert [one.index for one in after.chunks] == list(range(after.length)), point
    valid: list[ChunkRow] = []
    for one in after.chunks:
        if one.form is Form.RESET:
            void = int(one.body)
            assert any(old.operation_id == one.operation_id for old in valid), point
            valid = [
                old for old in valid if old.index < void or old.operation_id != one.operation_id
            ]
        else:
            valid.append(one)
    said = [codec.decode(one.body) for one in valid]
    assert said == WRITTEN.get(flow, []), point


def _is_legal(history: list[Recorded], point: str) -> None:
    fold(history)
    assert [each.position for each in history] == list(range(1, len(history) + 1)), point
    times = [each.recorded_at for each in history]
    assert times == sorted(times), point
    assert sum(isinstance(each.event, TERMINAL) for each in history) == 1, point
    ends = Counter(_ended(history))
    assert all(count == 1 for count in ends.values()), f"{point}: two outcomes of one step"
    for step, attempts in _attempts(history).items():
        assert attempts == sorted(set(attempts)), f"{point}: attempts of {step}: {attempts}"


def _ended(history: list[Recorded]) -> list[str]:
    return [
        each.event.operation_id
        for each in history
        if isinstance(each.event, (StepCompleted, StepFailed, StepCancelled))
    ]


def _attempts(history: list[Recorded]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in history:
        event = each.event
        if isinstance(event, (StepRetrying, StepCompleted, StepFailed)):
            counted = not isinstance(event, StepRetrying) or event.counted
            if counted:
                found.setdefault(event.operation_id, []).append(event.attempt)
    return found


async def _scene(warm: Zygote, tmp_path: Path, name: str, database: Database | None) -> Scene:
    folder = tmp_path / name
    folder.mkdir()
    url = "" if database is None else await asyncio.to_thread(database.clean)
    return Scene(folder, warm, url)
