"""The guide to hooks does what it says: its files are laid in a folder, its commands are typed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "hooks.md"
PATIENCE_S = 60
TITLE = re.compile(r"^# ([\w.]+)\n")


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    """The page's blocks, in order, each with its language."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, blocks: list[tuple[str, str]]) -> Path:
    """What a reader would have, but any free port, and `wfc` is this one."""
    for language, text in blocks:
        if language in {"python", "toml"}:
            name = TITLE.match(text)
            assert name is not None
            (tmp_path / name[1]).write_text(text)
    return tmp_path


def typed(folder: Path, script: str, **variables: str) -> str:
    """Type commands, all of which must be good."""
    body = script.replace("wfc ", f"'{sys.executable}' -m wfc ")
    found = subprocess.run(
        ["sh", "-e", "-c", body],
        cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        env=os.environ | variables,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """Serve the folder's world at a port that is free."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wfc", "web", "--port", "0"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def token(folder: Path, run: str) -> str:
    said = typed(folder, f"wfc hooks --run {run}")
    return said.splitlines()[1].split("\t")[3]


@pytest.mark.soak  # fourteen processes
def test_the_guide_does_what_it_says(folder: Path, blocks: list[tuple[str, str]]) -> None:
    """Hooks, a decision, `wfc web`, a typed webhook, and one that a step answers."""
    hooks, decision, served, typed_webhook, manual = (
        text for language, text in blocks if language == "sh"
    )
    assert served == "wfc web\n"
    said = typed(folder, hooks)
    assert ("order:o-1" in said, said.endswith("sold\n")) == (True, True)
    assert typed(folder, decision).endswith("not sold: too dear\n")
    with web(folder) as url:
        begin, rest = typed_webhook.split("curl", 1)
        printed = typed(folder, begin)
        assert f"http://127.0.0.1:3456/wfc/webhook/{token(folder, 'pay')}\n" in printed
        found = typed(folder, f"curl{rest}", URL=f"{url}/webhook/{token(folder, 'pay')}")
        assert '"code":"invalid-payload"' in found
        assert '"pointer":"/cents"' in found
        assert found.endswith("4200\n")
        begin, rest = manual.split("wfc worker &", 1)
        typed(folder, begin)
        found = typed(folder, f"wfc worker &{rest}", URL=f"{url}/webhook/{token(folder, 'hi')}")
        assert "hello ann" in found
        assert found.endswith("ann\n")


def test_the_application_can_be_imported(folder: Path) -> None:
    script = "import app; print(*(route.path for route in app.app.routes if 'wfc' in route.path))"
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert found.stdout == "/wfc\n"
