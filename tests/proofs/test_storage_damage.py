"""A damaged file: an error with a code, no silent repair, nothing wrong taken for right.

The file holds runs in every state. It is damaged in one of many ways, read and worked on, and must
give errors of wfc or the truth. The one it was copied from is whole afterwards, as a backup is.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proofs import storage
from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.findings import Findings
from tests.proofs.record import proof
from tests.runtime.flows import Journal
from tests.runtime.histories import drop_histories
from wfc.cli.main import main
from wfc.errors import WorldCorrupt

RUNS = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, storage.Logs]:
    """Make the file once, and what its runs have recorded."""
    path = tmp_path_factory.mktemp("whole") / "world.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "journal", Journal(), raising=False)
        logs = asyncio.run(storage.furnish(path, RUNS))
        drop_histories()
    return path, logs


@pytest.fixture
def copied(whole: tuple[Path, storage.Logs], tmp_path: Path) -> Callable[..., Path]:
    """Give copies of the file; `live` is one that was in use, with its last commits in its log."""

    def copy(*, live: bool = False) -> Path:
        path = tmp_path / "world.db"
        for suffix in ("", *storage.SIDE, "-gate", "-turn"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        source = Path(f"{whole[0]}.live") if live else whole[0]
        for suffix in ("", *storage.SIDE) if live else ("",):
            shutil.copy(f"{source}{suffix}", f"{path}{suffix}")
        return path

    return copy


@pytest.fixture(autouse=True)
def _journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "journal", Journal(), raising=False)


async def suffers(path: Path, logs: storage.Logs, kind: str, seed: int) -> str:
    """Damage a file, use it, and see that its damage is still there to be seen."""
    chance = random.Random(f"{kind} {seed}")  # noqa: S311 - repeatable, and no secret
    storage.KINDS[kind](path, chance)
    before = await storage.told_by_check(path)
    told = await storage.use(path, logs)
    drop_histories()
    after = await storage.told_by_check(path)
    if before is not None:
        assert after is not None, f"{before.__name__} was repaired in silence"
    if kind in storage.HARMLESS:
        assert not told, told
        assert after is None
    return "found by check" if before else "found in use" if told else "harmless"


@pytest.mark.parametrize("kind", storage.KINDS)
async def test_damage_gives_errors_or_the_truth(
    whole: tuple[Path, storage.Logs], copied: Callable[..., Path], kind: str
) -> None:
    """Each kind once, of a file that was in use."""
    await suffers(copied(live=True), whole[1], kind, 1)
    await storage.complete(copied(), whole[1])
    drop_histories()


async def test_damage_to_any_table_or_index_is_found(
    whole: tuple[Path, storage.Logs], copied: Callable[..., Path]
) -> None:
    """By `check`, page by page, and the page stays as it is."""
    for name, page in storage.pages_of(whole[0]).items():
        path = copied()
        storage.garble(path, (page - 1) * storage.PAGE)
        before = path.read_bytes()
        assert await storage.told_by_check(path) is WorldCorrupt, name
        assert path.read_bytes() == before, name


@pytest.mark.parametrize("kind", ["header", "noise", "cut"])
def test_the_doctor_says_what_is_wrong(
    copied: Callable[..., Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the code, and what to do."""
    path = copied()
    storage.KINDS[kind](path, random.Random(2))  # noqa: S311 - repeatable, and no secret
    assert main(["doctor", "--world", f"sqlite:///{path}", "--project", str(path.parent)]) == 1
    said = capsys.readouterr().out
    assert "WFC9" in said
    assert "restore a backup" in said


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", storage.KINDS)
async def test_much_damage(
    whole: tuple[Path, storage.Logs], copied: Callable[..., Path], kind: str
) -> None:
    """The same at so many points as the dose allows; all findings are told."""
    with proof(
        f"storage-{kind}",
        title=f"Damaged storage: {kind.replace('_', ' ')}",
        holds="errors of wfc or the truth come out, and damage that was found is not repaired in "
        "silence",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak "
        "tests/proofs/test_storage_damage.py",
    ) as figures:
        findings, counted = Findings(), Counter[str]()
        for seed in seeds_for():
            try:
                counted[await suffers(copied(live=True), whole[1], kind, seed)] += 1
            except Exception as error:  # noqa: BLE001 - the proof goes on, and fails at its end
                findings.add(seed, error)
        figures["files damaged"] = counted.total() + findings.count.total()
        figures.update(sorted(counted.items()))
        figures["findings"] = findings.count.total()
        findings.check()
