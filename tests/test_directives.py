"""What counts as a directive, as almost one, and as prose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.directives import KINDS, meant


@pytest.mark.parametrize("directive", KINDS)
def test_a_directive_means_itself(directive: str) -> None:
    """The exact text is what it is."""
    assert meant(directive) == directive


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("use steps", "use step"),
        ("Use Step", "use step"),
        ("use-step", "use step"),
        ("use_step", "use step"),
        ("use.step.", "use step"),
        ("  use   step ", "use step"),
        ("usestep", "use step"),
        ("ues step", "use step"),
        ("use workflows", "use workflow"),
        ("USE WORKFLOW", "use workflow"),
        ("use wrokflow", "use workflow"),
        ("u s e step", "use step"),
    ],
)
def test_a_near_miss_is_recognised(text: str, directive: str) -> None:
    """Case, spaces, punctuation and two edits do not hide what was meant."""
    assert meant(text) == directive


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Charge the card.",
        "use",
        "step",
        "use that step",
        "Use the workflow",
        "use steps as so",
    ],
)
def test_prose_means_no_directive(text: str) -> None:
    """A docstring stays a docstring."""
    assert meant(text) is None


@given(st.sampled_from(list(KINDS)), st.data())
def test_two_edits_are_always_seen(directive: str, data: st.DataObject) -> None:
    """Whatever two letters are changed, dropped or added, the directive is still recognised."""
    text = directive
    for _ in range(2):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(["x", ""])) + text[at + 1 :]
    assert meant(text) == directive


@given(st.text(min_size=41))
def test_long_text_is_never_meant(text: str) -> None:
    """Long text is prose, and costs nothing to refuse."""
    assert meant(text) is None
