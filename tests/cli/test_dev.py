"""`wfc dev`: another version gets another worker; a build that fails changes nothing."""

from __future__ import annotations

import asyncio
import builtins
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wfc.cli import dev
from wfc.cli.common import Common
from wfc.cli.dev import Development
from wfc.settings import Loaded, load_settings

from .conftest import Said
from .test_build import FAULTY, SHOP


class Process:
    """Stands in for the worker."""

    def __init__(self, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.words = words
        self.environment = environment
        self.returncode: int | None = None
        self.stubborn = False
        self._ended = asyncio.Event()

    def terminate(self) -> None:
        if not self.stubborn:
            self._end(0)

    def kill(self) -> None:
        self._end(-9)

    async def wait(self) -> None:
        await self._ended.wait()

    def _end(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The workers that were begun."""
    begun: list[Process] = []

    async def begin(*words: str, env: Mapping[str, str], **_: Any) -> Process:
        begun.append(Process(words, env))
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    return begun


def develop(project: Path, edits: list[Callable[[], object]], common: Common | None = None) -> bool:
    """Run `dev` over some edits of files."""

    async def changes(loaded: Loaded, stop: asyncio.Event) -> AsyncIterator[object]:
        assert loaded.root == project
        for edit in edits:
            edit()
            yield edit
            if stop.is_set():
                return

    loaded = load_settings(project)
    return asyncio.run(Development(common or Common(), loaded, changes, "2s").run())


def test_each_version_gets_a_worker_and_each_finding_is_told_once(
    project: Path, workers: list[Process], capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault leaves the old worker alone; its cure brings the new one."""
    shop = project / "shop.py"
    shop.write_text(SHOP)
    codes: list[int | None] = []

    def note() -> None:
        codes.append(workers[0].returncode)

    edits: list[Callable[[], object]] = [
        lambda: shop.write_text(FAULTY),
        note,
        lambda: shop.write_text(SHOP.replace("pay-", "paid-")),
    ]
    assert develop(project, edits) is False
    assert codes == [None]
    assert [worker.returncode for worker in workers] == [0, 0]
    told = capsys.readouterr().err
    assert told.count("WFC102") == 1
    assert "no version; 1 finding, 0 cured" in told
    assert "0 findings, 1 cured" in told


def test_the_worker_serves_the_same_project_world_and_file(
    project: Path, workers: list[Process]
) -> None:
    """What `dev` was told, the worker is told."""
    (project / "shop.py").write_text(SHOP)
    develop(project, [], Common(world="memory:"))
    develop(project, [], Common(config=project / "wfc.toml"))
    first, second = (worker.words[3:] for worker in workers)
    assert first == (
        "--world",
        "memory:",
        "--project",
        str(project),
        "worker",
        "--activate",
        "--drain",
        "2s",
    )
    assert second == (
        "--config",
        str(project / "wfc.toml"),
        "worker",
        "--activate",
        "--drain",
        "2s",
    )


def test_webhooks_are_reached_at_this_machine_unless_settings_say(
    project: Path, workers: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There `wfc web` serves."""
    monkeypatch.delenv("WFC_PUBLIC_URL", raising=False)
    (project / "shop.py").write_text(SHOP)
    develop(project, [])
    (project / "wfc.toml").write_text('public_url = "https://shop.example/wfc"\n')
    develop(project, [])
    assert [worker.environment.get("WFC_PUBLIC_URL") for worker in workers] == [
        "http://127.0.0.1:3456/wfc", None,
    ]  # fmt: skip


def test_a_worker_that_does_not_drain_is_killed(
    project: Path, workers: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Development goes on even if a body hangs."""
    monkeypatch.setattr(dev, "_PATIENCE_S", 0.01)
    (project / "shop.py").write_text(SHOP)
    develop(project, [lambda: setattr(workers[0], "stubborn", True)])
    assert workers[0].returncode == -9


@pytest.mark.parametrize(
    ("number", "interrupted"), [(signal.SIGINT, True), (signal.SIGTERM, False)]
)
def test_a_signal_ends_it_and_its_worker(
    project: Path, workers: list[Process], number: signal.Signals, interrupted: object
) -> None:
    """Ctrl-C is exit 130, SIGTERM is 0."""
    (project / "shop.py").write_text(SHOP)

    async def changes(loaded: Loaded, stop: asyncio.Event) -> AsyncIterator[object]:
        yield loaded
        os.kill(os.getpid(), number)
        await stop.wait()

    development = Development(Common(), load_settings(project), changes, "2s")
    assert asyncio.run(development.run()) is interrupted
    assert [worker.returncode for worker in workers] == [0]


def test_without_watchfiles_the_way_on_is_shown(
    wfc: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """WFC955 with the command to install it, and what works without."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "watchfiles":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "watchfiles", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    said = wfc("dev")
    assert said.code == 2
    assert "WFC955" in said.err
    assert "pip install 'wfc-durable[dev]'" in said.err
