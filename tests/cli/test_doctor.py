"""`wfc doctor` names what is wrong, and exits 1 only for what breaks runs."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wfc.cli import doctor
from wfc.cli.checkup import State
from wfc.cli.doctor_world import of_file_system
from wfc.clock import VirtualClock
from wfc.ids import RunId, WorkerId
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Queued, Resume

from .conftest import VERSION, Said

Wfc = Callable[..., Said]


def found(said: Said) -> dict[str, str]:
    return {check["what"]: check["state"] for check in said.json["data"]}


def told(said: Said, what: str) -> str:
    (text,) = [check["found"] for check in said.json["data"] if check["what"] == what]
    return str(text)


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
    (project / "flows.py").write_text('async def go() -> int:\n    "use workflow"\n    return 1\n')
    assert wfc("build").code == 0
    checks = found(wfc("doctor", "--json"))
    assert (checks[".gitignore"], checks["build"]) == ("ok", "ok")
    (project / "flows.py").write_text('async def go() -> int:\n    "use workflow"\n    return 2\n')
    said = wfc("doctor", "--json")
    assert (said.code, found(said)["WFC620 build"]) == (0, "warn")
    (project / "flows.py").write_text('def go() -> int:\n    "use workflow"\n    return 2\n')
    said = wfc("doctor", "--json")
    assert (said.code, found(said)["build"]) == (1, "FAIL")


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


def test_who_works_and_what_waits_in_vain_is_told(
    wfc: Wfc, put: Callable[..., None], project: Path
) -> None:
    """Workers by queue; nobody; and work that is due for long."""
    assert told(wfc("doctor", "--json"), "workers") == "none awake, and no open runs"
    put("o-1")
    said = wfc("doctor", "--json")
    assert told(said, "workers") == "none awake, and 1 open run; start `wfc worker`"
    assert "messages" not in found(said)

    async def later() -> None:
        clock = VirtualClock(datetime.now(UTC) - timedelta(minutes=5))
        world = open_world(f"sqlite:///{project / 'runs.db'}", clock)
        await world.open()
        await world.enqueue(Queued(message=Resume(RunId("o-1")), not_before=clock.now_us()))
        await world.close()
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        for name, queues in (("a", ()), ("b", ("gpu", "cpu")), ("c", ())):
            await world.join(WorkerId(name), lease_s=60, queues=queues)
        await world.close()

    put("o-2")
    asyncio.run(later())
    said = wfc("doctor", "--json")
    assert told(said, "workers") == "3 awake: 2 for all queues, 1 for cpu,gpu"
    assert told(said, "messages").startswith("the first is due for 5 min: the workers that")


def test_a_world_on_another_machine_is_no_place_for_sqlite(tmp_path: Path) -> None:
    """Its locks may not hold there."""
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nhost:/x /mnt/far\\040away nfs4 rw 0 0\nbroken\n")
    [far] = of_file_system("sqlite:////mnt/far away/runs.db", mounts)
    assert (far.state, far.what) == (State.BAD, "file system")
    assert "is on nfs4" in far.found
    [near] = of_file_system("sqlite:////srv/runs.db", mounts)
    assert (near.state, near.found) == (State.GOOD, "ext4")
    assert not list(of_file_system("memory:", mounts))
    assert not list(of_file_system("sqlite:////srv/runs.db", tmp_path / "none"))


def test_a_broken_extra_is_told(wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and cannot be imported."""
    monkeypatch.setattr(doctor, "_EXTRAS", {"web": "wfc_no_such", "otel": "broken_extra"})
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("broken_extra.py").write_text("raise OSError('no library')\n")
    said = wfc("doctor", "--json")
    assert said.code == 1
    assert told(said, "extra otel") == "`broken_extra` cannot be imported: OSError: no library"
    assert told(said, "extras") == "not installed: web"


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
