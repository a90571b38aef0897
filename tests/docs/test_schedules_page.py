"""The page on schedules does what it says: its files are written, its commands typed in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wfc
from wfc.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HOUSE = Path(wfc.__file__).parent.parent


def looked(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in this process, which imports no code of the project."""
    capsys.readouterr()
    assert main(words) == 0
    return capsys.readouterr().out


def typed(folder: Path, line: str) -> str:
    """Run one command in a process of its own."""
    words = line.split()
    said = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(_HOUSE)},
    )
    assert said.returncode == 0, f"{line}: {said.stderr}"
    return said.stdout


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block in its order; what the callbacks and the schedule print is looked at."""
    printed: dict[str, list[str]] = {}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.wfc]\npackages = ["shop"]\n')
    for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text)
        elif kind == "toml":
            (tmp_path / "pyproject.toml").write_text(text)
        else:
            for line in text.splitlines():
                words = line.split()
                assert words[0] == "wfc"
                if words[1] in {"run", "worker"}:
                    said = typed(tmp_path, line)
                else:
                    said = looked(words[1:], capsys)
                printed.setdefault(line, []).append(said)
    assert printed["wfc run main.py"] == ["till-bern 0 3 * * * Europe/Zurich\n"]
    first, second = printed["wfc schedules trigger till-bern"]
    assert (
        f"{first.strip()}\tshop:nightly\tcompleted"
        in printed["wfc runs --workflow shop:nightly"][0]
    )
    assert f"{second.strip()} completed 400 None" in printed["wfc worker --until-idle"][1]
    assert len(printed["wfc schedules next till-bern -n 3"][0].splitlines()) == len("at") + 2
    assert "end callback" not in printed["wfc doctor"][0]
    assert "schedule.paused" in printed["wfc audit"][0]
    assert '"channel": "cli"' in printed["wfc audit --action schedule.paused --json"][0]
