"""Edits keep every line, and every column behind them."""

from __future__ import annotations

import pytest

from wfc.compiler.edits import Lines, apply
from wfc.compiler.facts import Edit
from wfc.manifests.bundle import Span


def edit(text: str, line: int, column: int, end_line: int, end_column: int) -> Edit:
    return Edit(span=Span(line, column, end_line, end_column), kind="test", text=text)


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ("a = 1\nb = 2\n", edit("", 1, 0, 1, 5), "\nb = 2\n"),
        ("a = 1; b = 2\n", edit("", 1, 0, 1, 5), "     ; b = 2\n"),
        ("a = 1; b = 2\n", edit("0", 1, 0, 1, 5), "0    ; b = 2\n"),
        ("a = [\n1\n]; b = 2\n", edit("c", 1, 0, 3, 1), "c\n\n ; b = 2\n"),
        ("a = [\n1\n]\nb\n", edit("c", 1, 0, 3, 1), "c\n\n\nb\n"),
        ("x = 'ä'; b\n", edit("0", 1, 0, 1, 8), "0       ; b\n"),
        ("a; b\n", edit("longer", 1, 0, 1, 1), "longer; b\n"),
        ("a; b\n", edit("more; ", 1, 3, 1, 3), "a; more; b\n"),
        ("a", edit("b", 1, 0, 1, 1), "b\n"),
        ("", edit("", 1, 0, 1, 0), ""),
    ],
)
def test_one_edit(text: str, change: Edit, expected: str) -> None:
    assert apply(text, [change]) == expected


def test_several_edits_in_any_order() -> None:
    text = "a = 1\nb = 2\nc = 3\n"
    edits = [edit("z", 3, 0, 3, 1), edit("", 1, 0, 2, 5)]
    assert apply(text, edits) == "\n\nz = 3\n"


def test_overlapping_edits_are_a_fault() -> None:
    with pytest.raises(AssertionError):
        apply("abc\n", [edit("", 1, 0, 1, 2), edit("", 1, 1, 1, 3)])


def test_an_edit_may_not_add_lines() -> None:
    with pytest.raises(AssertionError):
        apply("abc\n", [edit("a\nb", 1, 0, 1, 2)])


def test_lines_know_what_stands_beside() -> None:
    lines = Lines("ä = 1 ; b\nc  # d\n")
    assert len(lines) == 2
    assert lines.is_followed_by_statement(Span(1, 0, 1, 6))
    assert not lines.is_followed_by_statement(Span(2, 0, 2, 1))
    assert lines.to_line_end(Span(2, 0, 2, 1)) == Span(2, 0, 2, 6)
    assert lines.whole(1, 2) == Span(1, 0, 2, 6)
    assert len(Lines("a\nb")) == 2
