"""The pages of errors: each code has an example that is tried, or a reason why it has none."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests import warm
from tests.docs.pages import COMPARED, LINTED, MOVED, RAISED, WITHOUT, Example
from wfc import codec, errors
from wfc.diagnostics import CATALOGUE
from wfc.eventlog.event import RunCompleted, RunCreated
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import ARCHIVE_FORMAT
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Appended, NewRun, OpenRun

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 60
SHOP: Final = """\
async def charge(order_id: str, cents: int) -> str:
    "use step"
    return f"pay-{order_id}-{cents}"


async def checkout(order_id: str, cents: int = 100) -> str:
    "use workflow"
    return await charge(order_id, cents)
"""
"""What stands in the folder of a page that shows commands and no code."""


def test_every_code_has_an_example_or_a_reason() -> None:
    """A code that is new is in neither, and whoever adds it hears so here."""
    tried = COMPARED.keys() | LINTED.keys() | MOVED.keys() | RAISED.keys()
    assert set(CATALOGUE) == tried | WITHOUT.keys()
    assert not WITHOUT.keys() & tried


def test_a_reason_names_tests_that_exist() -> None:
    """They meet the code in a way that no page can show."""
    named = [
        path for reason in WITHOUT.values() for path in re.findall(r"tests/[\w/]+\.py", reason)
    ]
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


# --- trying what a page shows ------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(RAISED))
def test_what_is_wrong_raises_the_code(code: str, shell: Shell, folder: Path) -> None:
    """Whoever types it reads the code, or the name of the error that has it."""
    example = RAISED[code]["Wrong"]
    _lay(example, folder)
    BEFORE_WRONG.get(code, BEFORE.get(code, _nothing))(folder)
    said = shell(example.commands)
    assert any(name in said.stdout + said.stderr for name in _names(code)), said


@pytest.mark.parametrize("code", sorted(RAISED))
def test_what_is_right_works(code: str, shell: Shell, folder: Path) -> None:
    """Every command of the cure is good, and the code is gone."""
    example = RAISED[code]["Right"]
    _lay(example, folder)
    BEFORE.get(code, _nothing)(folder)
    said = shell(example.commands)
    assert said.returncode == 0, said
    assert not any(name in said.stdout + said.stderr for name in _names(code)), said


Shell = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder. That of a test's own is called like the code, which commands would tell."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def shell(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell in the folder. Its `python` is ours; its `pip` says yes and installs nothing."""
    tools = tmp_path_factory.mktemp("tools")
    warm.shim(tools)
    (tools / "pip").write_text("#!/bin/sh\n:\n")
    (tools / "pip").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name[:4] != "WFC_"}
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = str(ROOT)

    def run(commands: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e", "-c", commands],
            cwd=folder,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    return run


def _lay(example: Example, folder: Path) -> None:
    example.lay(folder)
    if not any(name.endswith("shop.py") or "/" in name for name in example.files):
        (folder / "shop.py").write_text(SHOP)


def _names(code: str) -> set[str]:
    """Give the code, and the errors that carry it: that of a run that failed is told by name."""
    known: Mapping[str, Any] = vars(errors)
    return {code} | {name for name, kind in known.items() if getattr(kind, "code", None) == code}


# --- what was there before ---------------------------------------------------------------------


def _nothing(folder: Path) -> None:
    assert (folder / "shop.py").exists() or any(folder.glob("*/*.py"))


def _film(folder: Path) -> None:
    """A film does not get smaller by compression."""
    (folder / "film.mp4").write_bytes(os.urandom(17 * 1024 * 1024))


def _letter(folder: Path) -> None:
    (folder / "letter.txt").write_text("Dear Ana")


def _table_of_orders(folder: Path) -> None:
    (folder / "orders.csv").write_text("order,cents\n" + "o-1,4200\n" * 100)


def _no_watchfiles(folder: Path) -> None:
    """The extra `dev` is not installed."""
    (folder / "watchfiles.py").write_text("raise ImportError\n")


def _watchfiles_that_end(folder: Path) -> None:
    """It is installed, and somebody ends the command at once."""
    (folder / "watchfiles.py").write_text(
        "def PythonFilter(**_):\n    pass\n\n\n"
        "async def awatch(*_, **__):\n    for one in ():\n        yield one\n"
    )


def _other_wfc(folder: Path) -> None:
    """What `pip install wfc` would leave."""
    info = folder / "wfc-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wfc\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("wfc\n")


def _pending(*run_ids: str) -> Callable[[Path], None]:
    return lambda folder: asyncio.run(_put(folder, run_ids, None))


def _completed(output: bytes) -> Callable[[Path], None]:
    return lambda folder: asyncio.run(_put(folder, ("o-1",), output))


async def _put(folder: Path, run_ids: tuple[str, ...], output: bytes | None) -> None:
    world = open_world(_world(folder))
    await world.open()
    for run_id in run_ids:
        created = RunCreated(
            workflow=DefinitionId("shop:checkout"),
            version=VersionId("v" * 16),
            fingerprint="f",
            arguments=codec.encode({"order_id": run_id}, path="a test"),
            seed=bytes(32),
        )
        assert isinstance(await world.append(RunId(run_id), [created], guard=NewRun()), Appended)
        if output is not None:
            ended = RunCompleted(output=output)
            assert isinstance(await world.append(RunId(run_id), [ended], guard=OpenRun()), Appended)
    await world.close()


def _world(folder: Path) -> str:
    (folder / ".wfc").mkdir(exist_ok=True)
    return f"sqlite:///{folder / '.wfc' / 'wfc.db'}"


def _newer_build(folder: Path) -> None:
    """The version of o-1 is an archive of the next format."""

    async def register() -> None:
        world = open_world(_world(folder))
        await world.open()
        archive = b"wfcv" + bytes([ARCHIVE_FORMAT + 1]) + bytes(64)
        await world.register_version(VersionId("v" * 16), archive)
        await world.close()

    asyncio.run(register())
    _pending("o-1")(folder)


def _blocked(folder: Path) -> None:
    """A worker of an older wfc has met o-1, and could not read its version."""
    start = ["-m", "wfc", "start", "checkout", "o-1", "--id", "o-1"]
    subprocess.run([sys.executable, *start], cwd=folder, check=True, capture_output=True)

    async def block() -> None:
        world = open_world(_world(folder))
        await world.open()
        await world.block(RunId("o-1"), "BuildTooNew: the archive has format 2")
        await world.close()

    asyncio.run(block())


def _newer_schema(folder: Path) -> None:
    _pending("o-1")(folder)
    with sqlite3.connect(folder / ".wfc" / "wfc.db") as world:
        world.execute("UPDATE meta SET value = '99'")
    world.close()


_GOOD: Final = codec.encode("pay-o-1", path="a test")
BEFORE: Final[Mapping[str, Callable[[Path], None]]] = {
    "WFC165": _blocked,
    "WFC460": _letter,
    "WFC461": _film,
    "WFC464": _completed(_GOOD),
    "WFC950": _table_of_orders,
    "WFC951": _pending("o-1"),
    "WFC952": _completed(_GOOD),
    "WFC955": _watchfiles_that_end,
    "WFC957": _pending("o-1", "o-2"),
    "WFC958": _pending("o-1"),
}
"""What the folder of a page holds before anything is typed."""
BEFORE_WRONG: Final[Mapping[str, Callable[[Path], None]]] = {
    "WFC165": _newer_build,
    "WFC464": _completed(bytes([9]) + _GOOD[1:]),
    "WFC691": _pending("o-1"),
    "WFC907": _other_wfc,
    "WFC951": _newer_schema,
    "WFC955": _no_watchfiles,
}
"""The same where only the wrong side has it, since no real `pip` cures it."""
