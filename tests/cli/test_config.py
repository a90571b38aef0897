"""`wfc config show` tells each value and where it came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.settings_tables import NOT_YET_OBEYED, Settings, is_obeyed

from .conftest import Said

Wfc = Callable[..., Said]


def test_every_setting_has_value_and_origin(wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for people, an object for programs."""
    monkeypatch.setenv("WFC_WORKER__LEASE", "2s")
    text = wfc("config", "show").out
    assert "worker.lease\t2s\tenvironment WFC_WORKER__LEASE" in text
    assert "worker.threads\t32\tdefault" in text
    said = wfc("config", "show", "--json")
    assert {row["setting"] for row in said.json["data"]["settings"]} >= {"world", "limits.events"}


def test_a_password_is_never_shown(wfc: Wfc) -> None:
    """Neither for people nor for programs."""
    said = wfc("config", "show", "--json", "--world", "postgresql://ana:s3cret@db/wfc")
    assert "s3cret" not in said.out
    assert "ana:***@db" in said.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_has_a_completion_script(wfc: Wfc, shell: str) -> None:
    """It names our command."""
    said = wfc("completion", shell)
    assert said.code == 0
    assert "_WFC_COMPLETE" in said.out


def test_an_unknown_shell_is_exit_2(wfc: Wfc) -> None:
    """With those that exist."""
    said = wfc("completion", "csh")
    assert said.code == 2
    assert "bash" in said.err


def test_a_key_that_nothing_obeys_yet_is_told(
    wfc: Wfc, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is shown, by the doctor, and by the worker that does not obey it."""
    idle = ("audit_retention", "capture_logs")
    monkeypatch.setattr("wfc.settings_tables.NOT_YET_OBEYED", idle)
    (project / "wfc.toml").write_text('audit_retention = "1d"\ncapture_logs = "INFO"\n')
    assert "audit_retention\t1d\t" in wfc("config", "show").out
    lines = {line.split("\t")[0]: line for line in wfc("config", "show").out.splitlines()}
    assert lines["audit_retention"].endswith("\tnot yet obeyed")
    assert lines["capture_logs"].endswith("\tnot yet obeyed")
    assert lines["worker.threads"].endswith("\t")
    rows = {row["setting"]: row for row in wfc("config", "show", "--json").json["data"]["settings"]}
    assert not rows["audit_retention"]["obeyed"]
    assert rows["world"]["obeyed"]
    found = {check["what"]: check for check in wfc("doctor", "--json").json["data"]}
    assert found["settings"]["found"].endswith("audit_retention, capture_logs")
    (project / "flows.py").write_text('async def nothing():\n    "use workflow"\n')
    said = wfc("worker", "--until-idle")
    assert "not yet obeyed by this version: audit_retention, capture_logs" in said.err


def test_each_key_that_nothing_obeys_exists() -> None:
    """The list is of settings, and loses those that are obeyed later."""
    fields = Settings.model_fields
    assert {name.partition(".")[0] for name in NOT_YET_OBEYED} <= fields.keys()
    assert is_obeyed("audit_retention")
    assert is_obeyed("limits.events")
    assert is_obeyed("queue")
