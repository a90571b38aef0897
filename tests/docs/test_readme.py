"""The README's code and commands do what it says, in a folder of their own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm

README = Path(__file__).parents[2] / "README.md"
PATIENCE_S = 60


@pytest.fixture
def blocks() -> list[str]:
    """The Python blocks of the README."""
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, blocks: list[str]) -> Path:
    """What a reader would have after copying them; leases short enough to wait for."""
    (tmp_path / "wfc.toml").write_text(
        '[worker]\nlease = "1s"\nheartbeat = "0.2s"\nsweep = "0.2s"\n'
    )
    (tmp_path / "shop.py").write_text(blocks[0])
    (tmp_path / "main.py").write_text(blocks[1])
    return tmp_path


def wfc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of the commands, which must be good."""
    done = warm.wfc(folder, *words)
    assert done.returncode == 0, done.stderr
    return done


def worker(folder: Path) -> subprocess.Popen[str]:
    """Begin a worker that tells its steps' output."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "wfc", "worker"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_tour_survives_kill_9(folder: Path) -> None:
    """Killed after its first steps, the run ends as if nothing had happened."""
    wfc(folder, "build")
    wfc(folder, "start", "shop:checkout", "o-1", "4200", "--id", "o-1")
    with worker(folder) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "charging o-1\n"
        assert first.stdout.readline() == "reserving o-1\n"
        first.kill()
    assert first.returncode == -signal.SIGKILL
    with worker(folder) as second:
        assert wfc(folder, "result", "o-1", "--timeout", "50s").stdout == "pay-o-1-4200\n"
        second.send_signal(signal.SIGTERM)
    events = wfc(folder, "inspect", "o-1", "--events").stdout
    assert events.count("step_completed") == 3


def test_the_embedded_worker_gives_the_result(folder: Path) -> None:
    """The second block, run as its last line says."""
    assert wfc(folder, "run", "main.py").stdout.endswith("pay-o-2-4200\n")


def test_the_example_fits_on_a_screen(blocks: list[str]) -> None:
    """Thirty lines say what it is."""
    assert len(blocks[0].splitlines()) <= 30
