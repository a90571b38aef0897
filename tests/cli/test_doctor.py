"""`wfc doctor` names what is wrong, and exits 1 only for what breaks runs."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.cli import doctor
from wfc.ids import RunId
from wfc.worlds.open import open_world

from .conftest import VERSION, Said

Wfc = Callable[..., Said]


def found(said: Said) -> dict[str, str]:
    return {check["what"]: check["state"] for check in said.json["data"]}


def test_a_sound_project_is_exit_0(wfc: Wfc) -> None:
    """A missing build is only a warning."""
    said = wfc("doctor", "--json")
    assert said.code == 0
    checks = found(said)
    assert checks["world"] == "ok"
    assert checks["build"] == "warn"


def test_a_build_and_a_gitignore_are_seen(wfc: Wfc, project: Path) -> None:
    """A repository should not carry runs."""
    (project / ".git").mkdir()
    assert found(wfc("doctor", "--json"))[".gitignore"] == "warn"
    (project / ".gitignore").write_text(".wfc/\n")
    (project / ".wfc").mkdir(exist_ok=True)
    (project / ".wfc" / "current").write_text("v")
    checks = found(wfc("doctor", "--json"))
    assert (checks[".gitignore"], checks["build"]) == ("ok", "ok")


def test_a_broken_world_is_exit_1(wfc: Wfc, project: Path) -> None:
    """With its code."""
    (project / "runs.db").write_bytes(b"no database" * 100)
    said = wfc("doctor", "--json")
    assert said.code == 1
    assert found(said)["WFC950 world"] == "FAIL"


def test_another_wfc_and_missing_columns_break_everything(
    wfc: Wfc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WFC907 and WFC162 are told before they are met."""
    monkeypatch.setattr(
        importlib.metadata, "packages_distributions", lambda: {"wfc": ["wfc-durable", "wfc"]}
    )
    monkeypatch.setattr(doctor, "code_has_columns", lambda: False)
    said = wfc("doctor", "--json")
    assert said.code == 1
    checks = found(said)
    assert (checks["WFC907 other wfc"], checks["WFC162 columns"]) == ("FAIL", "FAIL")


def test_ruff_must_know_our_codes(wfc: Wfc, project: Path) -> None:
    """Without `external` it would delete comments that name them."""
    assert "WFC908 ruff" not in found(wfc("doctor", "--json"))
    (project / "ruff.toml").write_text('[lint]\nselect = ["RUF"]\n')
    assert found(wfc("doctor", "--json"))["WFC908 ruff"] == "warn"
    (project / "ruff.toml").write_text('[lint]\nexternal = ["V", "WFC"]\n')
    assert "WFC908 ruff" not in found(wfc("doctor", "--json"))


def test_a_blocked_run_is_listed_and_freed(
    wfc: Wfc, put: Callable[..., None], project: Path
) -> None:
    """Nobody takes it until somebody says that what blocked it is mended."""
    put("o-1")
    put("o-2")

    async def block() -> None:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        await world.register_version(VERSION, b"archive")
        await world.block(RunId("o-1"), "VersionUnknown: no bundle")
        await world.close()

    asyncio.run(block())
    said = wfc("doctor", "--json")
    assert said.code == 1
    assert found(said)["blocked run o-1"] == "FAIL"
    assert "VersionUnknown: no bundle" in said.out
    assert "wfc doctor --unblock o-1" in said.out
    freed = wfc("doctor", "--unblock", "o-1", "--json")
    assert (freed.code, freed.json["data"]) == (0, [{"id": "o-1", "unblocked": True}])
    assert wfc("doctor").code == 0
    again = wfc("doctor", "--unblock", "o-1", "--unblock", "gone")
    assert again.code == 5
    assert "gone: no run" in again.err


def test_a_variable_that_sets_nothing_is_told(wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo in the environment must not silently mean the default."""
    monkeypatch.setenv("WFC_WORKR__LEASE", "1s")
    monkeypatch.setenv("WFC_ZZZ", "1")
    monkeypatch.setenv("WFC_QUIET", "0")
    monkeypatch.setenv("WFC_WORKER__LEASE", "9s")
    said = wfc("doctor", "--json")
    told = [check["found"] for check in said.json["data"] if check["what"] == "environment"]
    assert told == [
        "WFC_WORKR__LEASE sets nothing; did you mean WFC_WORKER or WFC_WORLD?",
        "WFC_ZZZ sets nothing",
    ]
    assert said.code == 0, "a warning is no failure"


def test_runs_of_a_version_that_the_world_lacks_are_told(
    wfc: Wfc, put: Callable[..., None], project: Path
) -> None:
    """No worker can have its bundle, so nobody will ever go on with them."""
    put("o-1")
    put("o-2")
    said = wfc("doctor", "--json")
    assert said.code == 1
    assert found(said)[f"WFC691 version {VERSION}"] == "FAIL"
    assert "2 open runs are pinned" in said.out

    async def register() -> None:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        await world.register_version(VERSION, b"archive")
        await world.close()

    asyncio.run(register())
    assert wfc("doctor").code == 0
