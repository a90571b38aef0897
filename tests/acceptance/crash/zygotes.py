"""The test's side of the zygote: ask for one crash, one restart, and find what is left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wfc.ids import RunId

PROJECT: Final = Path(__file__).parent / "project"
PROGRAM: Final = Path(__file__).parent / "zygote.py"
RUN: Final = RunId("r1")
_OLD: Final = "await add(first, 1)\n\n\nasync def _let_go("
_NEW: Final = "await add(await add(first, 1), 1)\n\n\nasync def _let_go("
"""The last line of `moved`, before and after a deploy."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One world in a folder of its own, and the files its processes leave behind."""

    folder: Path
    zygote: Zygote
    url: str = ""
    keys: str = ""

    @property
    def world_url(self) -> str:
        """Name the world: a file of the scene's own, unless another one was given."""
        return self.url or f"sqlite:///{self.folder / 'wfc.db'}"

    @property
    def journal(self) -> list[list[str]]:
        """Give the lines that bodies and clients wrote, as words."""
        path = self.folder / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def play(
        self, flow: str, *, driver: str = "began", fault: str | None = None, log: bool = False
    ) -> int:
        """Run one process to its end; the exit code is negative if a signal ended it."""
        (self.folder / "passes").unlink(missing_ok=True)
        return self.zygote.ask(**self.case(flow, driver, fault, log=log))

    def case(
        self, flow: str, driver: str, fault: str | None = None, *, log: bool = False, **env: str
    ) -> dict[str, Any]:
        """Say what a process of this scene is to do; `env` adds to its environment."""
        return {
            "flow": flow,
            "driver": driver,
            "fault": fault,
            "fault_log": str(self.folder / "passes") if log else None,
            "answer": str(self.folder / "answer.json"),
            "env": {
                "WFC_WORLD": self.world_url,
                "WFC_TEST_JOURNAL": str(self.folder / "journal"),
                "WFC_ENCRYPTION_KEYS": self.keys,
                **env,
            },
        }

    def passes(self) -> list[str]:
        """Name every pass of a fault point in the last process, which was logged, in order."""
        return (self.folder / "passes").read_text().split()

    def answer(self) -> dict[str, Any]:
        """Read what the last process that ended by itself came to."""
        found: dict[str, Any] = json.loads((self.folder / "answer.json").read_text())
        return found


class Zygote:
    """The warm process."""

    def __init__(self, project: Path, program: Path = PROGRAM, module: str = "crash_flows") -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(program), str(project), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **case: Any) -> int:
        """Fork one process, wait for its end and give its exit code."""
        return self._said("code", **case)

    def begin(self, **case: Any) -> int:
        """Fork one process, and give its number at once; `wait` has to be called for it."""
        return self._said("pid", background=True, **case)

    def wait(self, pid: int) -> int:
        """Wait for the end of a process that was begun, and give its exit code."""
        return self._said("code", wait=pid)

    def _said(self, word: str, **case: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the zygote died with {self._process.wait()}"
        return int(json.loads(line)[word])

    def close(self) -> None:
        """End the warm process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@contextmanager
def zygote(
    folder: Path, source: Path = PROJECT, program: Path = PROGRAM, module: str = "crash_flows"
) -> Iterator[Zygote]:
    """Copy the project, so that its build lands outside the checkout, and start a warm process."""
    project = folder / "project"
    shutil.copytree(source, project)
    warm = Zygote(project, program, module)
    try:
        yield warm
    finally:
        warm.close()


@dataclass
class Zygotes:
    """The warm process of the flows, and that of their second version, begun when asked for."""

    folder: Path
    lease: str = "400ms"
    _warm: dict[str, Zygote] = field(default_factory=dict)

    @property
    def first(self) -> Zygote:
        """The flows as they are."""
        return self._zygote("first")

    @property
    def second(self) -> Zygote:
        """The flows after a deploy, by which `moved` takes one step more."""
        return self._zygote("second")

    def _zygote(self, name: str) -> Zygote:
        if name not in self._warm:
            project = self.folder / name
            shutil.copytree(PROJECT, project)
            _edit(project / "pyproject.toml", 'lease = "400ms"', f'lease = "{self.lease}"')
            if name == "second":
                _edit(project / "crash_flows.py", _OLD, _NEW)
            self._warm[name] = Zygote(project)
        return self._warm[name]

    def close(self) -> None:
        """End the warm processes."""
        for one in self._warm.values():
            one.close()


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@contextmanager
def zygotes(folder: Path, lease: str = "400ms") -> Iterator[Zygotes]:
    """Keep warm processes in a folder while tests ask for them; their workers have such leases."""
    made = Zygotes(folder, lease)
    try:
        yield made
    finally:
        made.close()
