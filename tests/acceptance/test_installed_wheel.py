"""What is installed works in an empty folder, far from the repository: the tour of a first user.

The wheel is built, unpacked as an installer would, and nothing but its own files is used of wfc.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[2]
FLOWS = """
import os, signal
from wfc import get_step_metadata

def deed(order: str) -> str:
    "use step"
    if get_step_metadata().attempt == 1:
        with open("begun", "w") as begun:
            begun.write(order)
        signal.pause()  # as long as it takes to be killed
    return order.upper()

async def survive(order: str) -> str:
    "use workflow"
    return await deed(order)
"""


class Answer(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)["data"]


class Home(NamedTuple):
    """An empty folder with wfc installed: how to run it there."""

    folder: Path
    environment: dict[str, str]

    def wfc(self, *words: str) -> Answer:
        done = subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "wfc", *words]

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start a worker, and end it if nobody else has."""
        with subprocess.Popen(
            self.command("worker"), cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL
        ) as started:
            try:
                yield started
            finally:
                started.kill()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked where an installer puts it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY, check=True, capture_output=True,
        env={**os.environ, "WFC_SKIP_UI": "1"},  # the tour is of the commands
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def home(installed: Path, tmp_path: Path) -> Home:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WFC_")}
    return Home(tmp_path, {**clean, "PYTHONPATH": str(installed)})


def begun(fifo: Path) -> bool:
    """Wait until somebody writes into the pipe; a writer waits for its reader in turn."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return bool(select.select([reader], [], [], 120)[0])
    finally:
        os.close(reader)


def test_what_runs_is_the_wheel(home: Home, installed: Path) -> None:
    """Not the checkout beside it; and the script has its door."""
    where = subprocess.run(
        [sys.executable, "-c", "import wfc; print(wfc.__file__)"],
        cwd=home.folder, env=home.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).parent == installed / "wfc"
    (information,) = installed.glob("*.dist-info")
    assert "wfc = wfc.__main__:main" in (information / "entry_points.txt").read_text()
    assert (information / "licenses" / "LICENSE").is_file()
    assert (installed / "wfc" / "py.typed").is_file()


def test_every_page_of_an_error_is_in_the_wheel(home: Home, installed: Path) -> None:
    """`wfc explain` needs no repository, and an unknown code is told with the nearest."""
    pages = {page.name for page in (installed / "wfc" / "error_pages").glob("WFC*.md")}
    assert pages == {page.name for page in (REPOSITORY / "docs" / "errors").glob("WFC*.md")}
    said = home.wfc("explain", "WFC201")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("# WFC201")
    unknown = home.wfc("explain", "WFC2011", "--json")
    assert unknown.code == 2
    assert json.loads(unknown.err)["code"] == "WFC902"
    assert "WFC201" in unknown.err


def test_a_first_project_survives_a_kill_in_the_middle_of_a_step(home: Home) -> None:
    """init, build, start, kill -9, go on: each command does what the one before has promised."""
    assert home.wfc("init").code == 0
    (home.folder / "shop.py").write_text(FLOWS)
    assert home.wfc("build").code == 0
    assert home.wfc("start", "welcome", "Ana", "--id", "hello").out == "hello\n"
    assert home.wfc("start", "survive", "o-1", "--id", "order").out == "order\n"
    fifo = home.folder / "begun"
    os.mkfifo(fifo)
    with home.worker() as first:
        assert begun(fifo), "the step has begun"
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert home.wfc("inspect", "order", "--json").data["status"] != "completed"
    with home.worker() as second:
        assert home.wfc("result", "order", "--timeout", "2m").out == "O-1\n"
        assert home.wfc("result", "hello", "--timeout", "2m").out == "HELLO, ANA!\n"
        second.terminate()
        assert second.wait(timeout=60) == 0, "a signal drains"
    (step,) = home.wfc("inspect", "order", "--steps", "--json").data
    assert (step["status"], step["attempt"]) == ("completed", 2)
    assert {run["id"]: run["status"] for run in home.wfc("runs", "--json").data} == {
        "hello": "completed",
        "order": "completed",
    }
    assert home.wfc("doctor").code == 0
