"""A real `wfc web`, looked at by a real browser: the list, and one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

# `make test` installs by pip alone, and a browser is a package of the system: these run by
# `nox -s soak -- tests/browser`, where Chromium and Node are.
pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[2]
FLOWS = """
from wfc import FatalError

async def charge(order: str) -> str:
    "use step"
    raise FatalError(f"no money for {order}")

async def buy(order: str) -> str:
    "use workflow"
    return await charge(order)
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "shop.py").write_text(FLOWS)
    (tmp_path / "pyproject.toml").write_text('[tool.wfc]\npackages = ["shop"]\n')
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    wfc = [sys.executable, "-m", "wfc"]
    for words in (
        ["start", "shop:buy", "--input", '{"order": "o-1"}', "--id", "o-1"],
        ["worker", "--until-idle"],
    ):
        done = subprocess.run(
            [*wfc, *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    process = subprocess.Popen(
        [*wfc, "web", "--port", "0", "--json"], cwd=tmp_path, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield str(json.loads(process.stdout.readline())["data"]["url"])
    process.kill()
    process.communicate()


def test_a_failed_run_is_found_and_explained(browser: Browser, url: str) -> None:
    """From the list to the run: its state, its error, its step; nothing leaves this machine."""
    page = browser.new_page()
    asked: list[str] = []
    wrong: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(f"{url}/runs?status=failed")
    page.get_by_role("link", name="o-1").click()
    expect(page.get_by_role("heading", name="no money for o-1")).to_be_visible()
    expect(page.get_by_role("cell", name="charge", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="o-1", exact=True)).to_be_visible()
    page.goto(f"{url}/runs?status=completed")
    expect(page.get_by_text("No run is like this.")).to_be_visible()
    origin = url.removesuffix("/wfc") + "/"
    assert [one for one in asked if not one.startswith((origin, "data:"))] == []
    assert wrong == []
    page.close()


AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"


def _is_for_all(page: Page) -> None:
    """See that axe finds nothing in either theme, and that a narrow screen holds the page."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found = page.evaluate(f"async () => {{ {AXE.read_text()}; return await axe.run() }}")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 800})


def test_the_pages_are_for_all(browser: Browser, url: str) -> None:
    page = browser.new_page()
    page.goto(f"{url}/runs")
    expect(page.get_by_role("link", name="o-1")).to_be_visible()
    _is_for_all(page)
    page.goto(f"{url}/runs/o-1")
    expect(page.get_by_role("cell", name="charge", exact=True)).to_be_visible()
    _is_for_all(page)
    page.close()
