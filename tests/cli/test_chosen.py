"""Which runs a command acts on, and whether somebody has to be asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wfc.cli import chosen
from wfc.cli.common import Common
from wfc.errors import NeedsYes

from .conftest import Said

RUNS = ["o-1", "o-2"]


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the answer decides, and no is the default."""
    asked: list[object] = []

    def confirm(text: str, *, default: bool, err: bool) -> object:
        asked.append((text, default, err))
        return answer

    monkeypatch.setattr(Common, "may_ask", lambda _: True)
    monkeypatch.setattr("typer.confirm", confirm)
    assert chosen.may(Common(), "cancel", RUNS, destructive=True, dry_run=False) is answer
    assert asked == [("Go on?", False, True)]


def test_nobody_is_asked_without_a_terminal_or_by_order() -> None:
    """--no-input and --json mean that a question would go nowhere."""
    assert not Common(no_input=True).may_ask()
    with pytest.raises(NeedsYes, match="--dry-run, then add -y"):
        chosen.may(Common(), "cancel", RUNS, destructive=True, dry_run=False)
    assert chosen.may(Common(yes=True), "cancel", RUNS, destructive=True, dry_run=False)
    assert chosen.may(Common(), "cancel", ["o-1"], destructive=False, dry_run=False)


def test_many_pages_are_all_chosen(
    wfc: Callable[..., Said], put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a page is not the end."""
    monkeypatch.setattr(chosen, "_PAGE", 2)
    for number in range(5):
        put(f"o-{number}")
    said = wfc("wake", "--status", "pending", "--dry-run")
    assert "would wake 5 runs" in said.err
