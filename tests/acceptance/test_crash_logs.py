"""Kill a real process whose step has logged: what a reader of `wfc.logs` finds before and after."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.crash.zygotes import RUN, Scene, Zygote, zygote
from wfc import codec
from wfc.clock import SystemClock
from wfc.worlds.chunks import Form
from wfc.worlds.open import open_world

pytestmark = pytest.mark.timeout(600)

CODE = ["begins", "goes on", "ends"]
"""What the workflow code of `telling` says."""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("zygote")) as found:
        yield found


async def said(scene: Scene) -> list[Any]:
    """Give what a reader finds: messages in order, and of a reset the attempt and from where."""
    world = open_world(scene.world_url, SystemClock())
    await world.open()
    try:
        page = await world.read_chunks(RUN, "wfc.logs")
    finally:
        await world.close()
    return [
        (each.attempt, int(each.body))
        if each.form is Form.RESET
        else codec.decode(each.body)["message"]
        for each in page.chunks
    ]


async def test_lines_of_a_killed_attempt_are_void_for_the_next(
    warm: Zygote, tmp_path: Path
) -> None:
    """They stand there until then; workflow code, which the next worker replays, speaks once."""
    scene = Scene(tmp_path, warm)
    assert scene.play("dying") == -signal.SIGKILL
    first = ["begins", "a 1 of attempt 1", "a 2 of attempt 1"]
    assert await said(scene) == first
    assert scene.play("dying") == 0
    assert scene.answer() == {"output": 3}
    again = ["a 1 of attempt 2", "a 2 of attempt 2", "ends"]
    found = await said(scene)
    assert found == [*first, (2, found[3][1]), *again]
    assert found[3][1] <= 1, "the reset takes back all that the attempt had said"


async def test_workflow_code_speaks_once_wherever_its_process_is_killed(
    warm: Zygote, tmp_path: Path
) -> None:
    """Its lines have keys: who repeats a turn writes none of them again, and leaves none out."""
    calm = Scene(tmp_path / "calm", warm)
    calm.folder.mkdir()
    assert calm.play("telling", log=True) == 0
    assert [each for each in await said(calm) if each in CODE] == CODE
    points = [each for each in calm.passes() if each.startswith(("append.", "step."))]
    assert len(points) > 4
    killed = 0
    for point in points:
        scene = Scene(tmp_path / point.replace(":", "-"), warm)
        scene.folder.mkdir()
        code = scene.play("telling", fault=f"{point}:kill")
        if code == 0:
            continue  # another interleaving, which never came to this pass
        assert code == -signal.SIGKILL, point
        killed += 1
        assert scene.play("telling") == 0, point
        found = await said(scene)
        assert [each for each in found if each in CODE] == CODE, (point, found)
        for word in ("a", "b"):
            last = max(number for number in (1, 2, 3) if f"{word} 1 of attempt {number}" in found)
            lines = [f"{word} {number} of attempt {last}" for number in (1, 2)]
            assert [each for each in found if each in lines] == lines, (point, found)
    assert killed > 4
