"""Each program of the table does what its case says: live, when every delivery is a replay, and
when its process is killed on the way.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.crash.zygotes import Zygote, zygote
from tests.acceptance.semantics.entries import ENTRIES
from tests.acceptance.semantics.scene import PACKAGE, agrees, compiled, scene, workflow_of
from tests.acceptance.semantics.sites import strangers
from tests.acceptance.semantics.table import Entry
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import Version

PROJECT = Path(__file__).parent / "cases"
PROGRAM = Path(__file__).parent / "zygote.py"
SAMPLE = 12
"""One of so many cases is killed in the usual dose."""


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version]:
    """The project, copied, so that its build lands outside of the checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "meta_path", [*sys.meta_path])
        project = tmp_path_factory.mktemp("semantics") / "project"
        shutil.copytree(PROJECT, project)
        yield compiled(project)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def manifest(version: Version) -> Manifest:
    """What the build says of the project, read once."""
    return Manifest.parse(version.manifest)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """A process that has imported everything and forks one for each run of a case."""
    with zygote(tmp_path_factory.mktemp("zygote"), PROJECT, PROGRAM) as found:
        yield found


def test_there_are_enough_cases_and_each_has_its_name() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(names) >= 100
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("mode", ["normal", "always-replay"])
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, id=entry.name, marks=pytest.mark.soak if entry.long else ())
        for entry in ENTRIES
    ],
)
async def test_a_program_means_what_it_says(
    version: Version, manifest: Manifest, tmp_path: Path, entry: Entry, mode: str
) -> None:
    """Outcome, recorded steps and attributes are those of the table, sites those of the shape."""
    case = entry.make()
    async with scene(version, tmp_path / "wfc.db", always_replay=mode == "always-replay") as stage:
        ended = await stage.play(case)
    assert agrees(ended.outcome, case.outcome), f"{ended.outcome} is not {case.outcome}"
    assert ended.steps == case.steps
    assert ended.attributes == dict(case.attributes)
    assert set(ended.bodies.values()) <= {1}, "an attempt ran twice"
    assert not strangers(manifest, workflow_of(case), ended.history)


@pytest.mark.parametrize("mode", ["normal", "always-replay"])
async def test_output_of_workflow_code_appears_once(
    version: Version, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """Each `print` and each log record is seen in its order, whatever is replayed."""
    case = next(entry for entry in ENTRIES if entry.name == "output").make()
    always = mode == "always-replay"
    with caplog.at_level(logging.INFO):
        async with scene(version, tmp_path / "wfc.db", always_replay=always) as stage:
            await stage.play(case)
    said = [each.getMessage() for each in caplog.records if hasattr(each, "run_id")]
    assert said == ["begins", "has 1", "has 2", "ends"]


def _drawn(name: str) -> int:
    """Draw a number from a name, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest())


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(
            entry,
            id=entry.name,
            marks=pytest.mark.soak if entry.long or _drawn(entry.name) % SAMPLE else (),
        )
        for entry in ENTRIES
        if entry.killable
    ],
)
def test_a_killed_program_means_the_same(warm: Zygote, tmp_path: Path, entry: Entry) -> None:
    """A process dies by SIGKILL at a point drawn from the case's name; the next one goes on."""

    def play(folder: str, point: str | None = None, log: Path | None = None) -> int:
        (tmp_path / folder).mkdir(exist_ok=True)
        return warm.ask(
            case=entry.name,
            database=str(tmp_path / folder / "wfc.db"),
            fault=None if point is None else f"{point}:kill",
            fault_log=None if log is None else str(log),
        )

    assert play("calm", log=tmp_path / "passes") == 0
    passes = (tmp_path / "passes").read_text().split()
    point = passes[_drawn(entry.name) // SAMPLE % len(passes)]
    code = play("killed", point)
    if code != 0:  # 0: another interleaving, which never came to this pass
        assert code == -signal.SIGKILL, point
        assert play("killed") == 0, point
