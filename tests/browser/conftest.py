"""The dashboard as it is built of this tree, and a browser of this machine."""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def _lacking(what: str, command: str) -> None:
    """Let a laptop go without; where all is to be proved, say what to install."""
    sentence = f"{what} is not here: {command}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def dashboard() -> None:
    """Build the dashboard, unless it was built of the same sources."""
    if shutil.which("npm") is None:
        _lacking("npm", "install Node 20.19 or newer")
    runpy.run_path(str(ROOT / "ui" / "build.py"))["build"]()


@pytest.fixture(scope="session")
def browser(dashboard: None) -> Iterator[Browser]:
    chromium = os.environ.get("WFC_CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).is_file():
        _lacking("chromium", "apt-get install -y chromium")
    root: tuple[str, ...] = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        made: Any = playwright.chromium.launch(executable_path=chromium, args=[*_QUIET, *root])
        yield made
        made.close()
