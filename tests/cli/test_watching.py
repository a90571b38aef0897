"""`--watch`: real processes that build again, say what is new and cured, and end by Ctrl-C."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from wfc.cli.watching import News
from wfc.diagnostics import Place, diagnostic
from wfc.lint_rules.finding import Finding

from .conftest import Said
from .test_build import FAULTY, SHOP

Wfc = Callable[..., Said]
PATIENCE_S = 60


class Watching:
    """A process under way, whose lines can be waited for."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "wfc", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: dict[str, queue.Queue[str]] = {"out": queue.Queue(), "err": queue.Queue()}
        self.readers = [
            threading.Thread(target=self._read, args=(stream, name), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self.readers:
            reader.start()

    def _read(self, stream: IO[str], name: str) -> None:
        with stream:
            for line in stream:
                self.lines[name].put(line)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join()

    def until(self, text: str, where: str = "err") -> str:
        """Give what was said up to the line that holds `text`."""
        said = ""
        while text not in said:
            said += self.lines[where].get(timeout=PATIENCE_S)
        return said

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    """Begin a process in a project with one workflow; none is left behind."""
    (tmp_path / "wfc.toml").write_text('world = "memory:"\n')
    (tmp_path / "shop.py").write_text(SHOP)
    begun: list[Watching] = []

    def begin(*words: str) -> Watching:
        begun.append(Watching(tmp_path, *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def test_a_build_is_renewed_and_news_are_told(
    begin: Callable[..., Watching], tmp_path: Path
) -> None:
    """A fault keeps the old build, its cure is told, and Ctrl-C leaves a whole build: 130."""
    watching = begin("build", "--watch", "--no-deep")
    watching.until("0 new, 0 cured")
    first = (tmp_path / ".wfc/current").read_text()
    (tmp_path / "shop.py").write_text(FAULTY)
    assert "no version; 1 error," in watching.until("1 new, 0 cured")
    assert "shop.py:1:1: WFC102" in watching.until("Fix:", "out")
    assert (tmp_path / ".wfc/current").read_text() == first
    (tmp_path / "shop.py").write_text(SHOP.replace("pay-", "paid-"))
    watching.until("0 new, 1 cured")
    assert watching.until("cured:", "out").startswith("\ncured: shop.py:1:1: WFC102 ")
    assert watching.interrupt() == 130
    current = (tmp_path / ".wfc/current").read_text()
    assert current != first
    assert (tmp_path / ".wfc/versions" / current.strip() / "manifest.json").exists()
    again = subprocess.run(
        [sys.executable, "-m", "wfc", "build", "--check", "--no-deep"], cwd=tmp_path, check=False
    )
    assert again.returncode == 0


def test_programs_get_one_object_a_build(begin: Callable[..., Watching], tmp_path: Path) -> None:
    """With the version, or null, and the findings that came and went."""
    watching = begin("build", "--watch", "--no-deep", "--format", "json")
    first = json.loads(watching.until("\n", "out"))
    assert (first["kind"], first["new"], first["cured"]) == ("build", [], [])
    (tmp_path / "shop.py").write_text(FAULTY)
    second = json.loads(watching.until("\n", "out"))
    assert second["version"] is None
    assert [one["code"] for one in second["new"]] == ["WFC102"]
    assert watching.interrupt() == 130


def test_a_transformed_file_is_shown_again(begin: Callable[..., Watching], tmp_path: Path) -> None:
    """When its bundles differ; a fault is told, and nothing is written."""
    watching = begin("transform", "shop.py", "--view", "step", "--watch")
    assert '"pay-"' in watching.until("register", "out")
    (tmp_path / "shop.py").write_text(FAULTY)
    watching.until("WFC102")
    (tmp_path / "shop.py").write_text(SHOP.replace("pay-", "paid-"))
    watching.until("cured: shop.py:1:1: WFC102")
    assert '"paid-"' in watching.until("paid-", "out")
    assert watching.interrupt() == 130
    assert not (tmp_path / ".wfc/current").exists()


@pytest.mark.parametrize("words", [("build",), ("transform", "shop.py")])
def test_without_the_library_the_way_to_it_is_shown(
    wfc: Wfc, project: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """It is an extra; nothing is built before that is said."""
    (project / "shop.py").write_text(SHOP)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    said = wfc(*words, "--watch")
    assert said.code == 2
    assert "WFC955" in said.err
    assert "pip install 'wfc-durable[dev]'" in said.err
    assert not (project / ".wfc").exists()


@pytest.mark.parametrize("more", [("--check",), ("--format", "sarif")])
def test_what_is_for_one_build_does_not_go_with_watching(
    wfc: Wfc, project: Path, more: tuple[str, ...]
) -> None:
    assert project.is_dir()
    said = wfc("build", "--watch", *more)
    assert said.code == 2
    assert "--watch goes with neither" in said.err


def finding(line: int, code: str = "WFC102") -> Finding:
    return Finding(told=diagnostic(code, Place("shop.py", line, 0, line, 3), "it is wrong"))


def test_a_line_that_moves_is_no_news() -> None:
    """But a second one of its kind is."""
    news = News()
    assert news.since([finding(1)], {"shop.py": "def f(): ..."}) == ((finding(1),), ())
    moved = {"shop.py": "# A comment.\ndef f(): ..."}
    assert news.since([finding(2)], moved) == ((), ())
    twice = {"shop.py": "def f(): ...\ndef f(): ..."}
    assert news.since([finding(1), finding(2)], twice) == ((finding(2),), ())
    assert news.since([], {}) == ((), (finding(1), finding(2)))
