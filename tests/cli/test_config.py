"""`wfc config show` tells each value and where it came from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
