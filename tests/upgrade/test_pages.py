"""Pages about runs that move: the wrong edit brings the code for some run, the right one none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docs.pages import BEFORE, MOVED, Example
from tests.upgrade.moving import Tale
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.manifests.store import Version

STEPS: Final[Mapping[str, Callable[..., Any]]] = {
    "charge": lambda order_id, cents: f"pay-{order_id}-{cents}",
    "ship": lambda order_id: f"sent-{order_id}",
    "say": lambda out, text: None,  # noqa: ARG005 - by the names of its parameters
    "hook": lambda: {"approved": True},
}


def built(example: Example, folder: Path) -> Version:
    example.lay(folder)
    version = build(Project.discover(folder), out=None).version
    assert version is not None
    return version


def told(code: str, side: str, folder: Path) -> list[set[str]]:
    """For each length of the history: the codes of the verdict, reasons and notes."""
    old = built(MOVED[code][BEFORE], folder / "old")
    new = built(MOVED[code][side], folder / "new")
    tale = Tale(old, new, "o-1", steps=STEPS, workflow="shop:checkout")
    verdicts = [tale.judged(length).verdict for length in range(2, len(tale.history) - 1)]
    return [{reason.code for reason in (*one.reasons, *one.notes)} for one in verdicts]


@pytest.mark.parametrize("code", sorted(MOVED))
def test_a_run_that_moves_is_judged_as_its_page_says(code: str, tmp_path: Path) -> None:
    """Runs that are about to end are left out: with any code they end at once."""
    assert any(code in one for one in told(code, "Wrong", tmp_path / "wrong"))
    assert not any(code in one for one in told(code, "Right", tmp_path / "right"))
