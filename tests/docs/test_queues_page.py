"""The page about queues: its commands do what it says, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.docs.pages import read_blocks

PAGE: Final = Path(__file__).parents[2] / "docs" / "queues.md"
PATIENCE_S: Final = 90


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """One run of ann's at a time, and bob's beside it; the urgent one is next."""
    example = read_blocks(PAGE.read_text("utf-8"))
    folder, tools = tmp_path / "project", tmp_path / "tools"
    folder.mkdir()
    tools.mkdir()
    example.lay(folder)
    python = tools / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PAGE.parents[1]),
    }
    said = subprocess.run(
        ["sh", "-e", "-c", example.commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert said.returncode == 0, said
    lines = said.stdout.splitlines()
    assert lines[:3] == ["o-1", "o-2", "o-3"]
    (ann,) = [line.split("\t") for line in lines if line.startswith('free\tqueue\t"ann"')]
    assert ann[3:7] == ["1", "1", "1", "100/1m"]
    assert any("ann paid o-1, invoice of o-1" in line for line in lines)
    status = {line.split("\t")[0]: line.split("\t")[2] for line in lines[-3:]}
    assert status == {"o-1": "completed", "o-2": "suspended", "o-3": "suspended"}
