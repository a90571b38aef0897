"""The plugin, in the real flake8."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FLOWS = """import shapely
import prices
import time


async def charge(order_id):
    "use step"
    return order_id


async def checkout(order_id: str) -> None:
    "use workflow"
    "é"; time.sleep(1)  # {noqa}
    shapely.area(1)
    prices.of(1)


async def fetch(order_id: str) -> dict:
    "use step"
    return {{}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "prices.py").write_text("")
    (tmp_path / "flows.py").write_text(FLOWS.format(noqa=""))
    return tmp_path


def flake8(root: Path, *words: str, stdin: str | None = None) -> tuple[int, list[str]]:
    """Run it; give exit code and lines without their sentences."""
    ended = subprocess.run(
        [sys.executable, "-m", "flake8", "-j1", *words],
        cwd=root,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return ended.returncode, [" ".join(line.split()[:2]) for line in ended.stdout.splitlines()]


def test_findings_are_printed_where_they_stand(root: Path) -> None:
    """Columns count characters from 1; nothing needs to be configured."""
    assert flake8(root, "--select=WFC") == (
        1,
        [
            "./flows.py:6:1: WFC403",
            "./flows.py:13:10: WFC207",
            "./flows.py:14:5: WFC220",
        ],
    )


def test_noqa_is_obeyed_by_the_host(root: Path) -> None:
    """flake8 reads the comment, we do not."""
    (root / "flows.py").write_text(FLOWS.format(noqa="noqa: WFC207"))
    assert "./flows.py:13:10: WFC207" not in flake8(root, "--select=WFC")[1]
    assert "./flows.py:13:10: WFC207" in flake8(root, "--select=WFC", "--disable-noqa")[1]


def test_names_may_be_declared(root: Path) -> None:
    """By options or by flake8's own file."""
    pure = flake8(root, "--select=WFC2", "--wfc-pure=shapely")[1]
    assert pure == ["./flows.py:13:10: WFC207"]
    (root / "setup.cfg").write_text("[flake8]\nselect = WFC2\nwfc-packages = shapely\n")
    assert flake8(root)[1] == pure


def test_the_settings_of_the_project_hold(root: Path) -> None:
    """The nearest ones upward, or those that are named."""
    (root / "pyproject.toml").write_text('[tool.wfc]\npure = ["shapely"]\n')
    assert flake8(root, "--select=WFC2")[1] == ["./flows.py:13:10: WFC207"]
    other = root / "other"
    other.mkdir()
    (other / "wfc.toml").write_text("")
    words = ("--select=WFC2", "--wfc-config=other/wfc.toml")
    assert "./flows.py:14:5: WFC220" in flake8(root, *words)[1]


def test_what_is_off_must_be_selected_by_its_code(root: Path) -> None:
    """Not by a prefix, nor by ignoring something else."""
    (root / "flows.py").write_text(
        'import asyncio\n\n\nasync def one() -> int:\n    "use step"\n    return 1\n\n\n'
        'async def flow() -> None:\n    "use workflow"\n    await asyncio.gather(one(), one())\n'
    )
    assert flake8(root, "--select=WFC") == (0, [])
    assert flake8(root, "--ignore=E501") == (0, [])
    found = ["./flows.py:11:11: WFC503"]
    assert flake8(root, "--select=WFC503")[1] == found
    assert flake8(root, "--extend-select=WFC503")[1] == found


def test_notes_do_not_fail_a_run(root: Path) -> None:
    """flake8 knows no severity, so what needs no change is printed only if it is named."""
    (root / "flows.py").write_text(
        "import requests\n\nSESSION = requests.Session()\n\n\n"
        'async def flow() -> None:\n    "use workflow"\n'
    )
    assert flake8(root, "--select=WFC") == (0, [])
    assert flake8(root, "--select=WFC131")[1] == ["./flows.py:3:11: WFC131"]


def test_stdin_is_read(root: Path) -> None:
    """Editors send what is not saved."""
    text = (root / "flows.py").read_text()
    found = flake8(root, "--select=WFC207", "--stdin-display-name=shop.py", "-", stdin=text)[1]
    assert found == ["shop.py:13:10: WFC207"]


def test_marks_of_bytes_and_line_ends_do_not_move_places(root: Path) -> None:
    """A byte order mark and CRLF are no part of the text."""
    text = FLOWS.format(noqa="").replace("\n", "\r\n")
    (root / "flows.py").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert flake8(root, "--select=WFC207")[1] == ["./flows.py:13:10: WFC207"]


def test_python_that_cannot_be_read_is_the_hosts_matter(root: Path) -> None:
    """flake8 says E999, and we do not fail."""
    (root / "flows.py").write_text('def f(:\n    "use step"\n')
    (found,) = flake8(root, "--select=WFC,E9")[1]
    assert found.endswith("E999")


def test_the_host_names_us(root: Path) -> None:
    """`flake8 --version` lists plugins by their distribution."""
    ended = subprocess.run(
        [sys.executable, "-m", "flake8", "--version"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "wfc-durable" in ended.stdout
