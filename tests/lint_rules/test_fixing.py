"""Fixes are done in rounds, never overlap, and are undone if anything gets worse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wfc.diagnostics import Place, diagnostic
from wfc.lint_rules.finding import Finding, Fix, Replacement, from_plain, to_plain
from wfc.lint_rules.fixing import encoded, fixed_text, replaced, write


def place(line: int, column: int, length: int) -> Place:
    return Place("a.py", line, column, line, column + length)


def found(at: Place, text: str, *, code: str = "WFC133", safe: bool = True) -> Finding:
    fix = Fix(safe=safe, replacements=(Replacement(at, text),))
    return Finding(told=diagnostic(code, at, "x"), fix=fix)


def words(word: str, by: str, *, safe: bool = True) -> object:
    """Look for a word, and offer another one for it."""

    def look(text: str) -> list[Finding]:
        return [
            found(place(number, match.start(), len(word)), by, safe=safe)
            for number, line in enumerate(text.split("\n"), 1)
            for match in re.finditer(word, line)
        ]

    return look


def test_places_count_bytes() -> None:
    """As `ast` does; what stands before may be any text."""
    text = "é = 1\nx = 'ä'; y = 2\n"
    at = Place("a.py", 2, 10, 2, 11)
    assert replaced(text, [Replacement(at, "z")]) == "é = 1\nx = 'ä'; z = 2\n"


def test_all_fixes_of_a_round_are_done() -> None:
    """From the end to the beginning, so that no place moves."""
    assert fixed_text("aa = aa\naa\n", words("aa", "b")) == ("b = b\nb\n", 3)  # type: ignore[arg-type]  # a look


def test_what_is_unsafe_waits_for_consent() -> None:
    """It may change what the program does."""
    look = words("aa", "b", safe=False)
    assert fixed_text("aa\n", look) == ("aa\n", 0)  # type: ignore[arg-type]  # a look
    assert fixed_text("aa\n", look, unsafe=True) == ("b\n", 1)  # type: ignore[arg-type]  # a look


def test_fixes_that_overlap_are_done_one_after_the_other() -> None:
    """The second one is looked for again in the text that the first one left."""

    def look(text: str) -> list[Finding]:
        listed = []
        if "aa" in text:
            listed = [found(place(1, 0, 2), "b"), found(place(1, 1, 1), "c")]
        return listed

    assert fixed_text("aa\n", look) == ("b\n", 1)


def test_a_fix_that_leaves_no_python_is_not_done() -> None:
    """The text stays whole."""
    assert fixed_text("aa\n", words("aa", "(")) == ("aa\n", 0)  # type: ignore[arg-type]  # a look


def test_a_fix_that_brings_a_finding_is_not_done_but_the_others_are() -> None:
    """One bad fix must not keep the others from being done."""

    def look(text: str) -> list[Finding]:
        listed = []
        if "aa" in text:
            listed.append(found(place(1, text.index("aa"), 2), "worse"))
        if "bb" in text:
            listed.append(found(place(1, text.index("bb"), 2), "c"))
        if "worse" in text:
            listed.append(found(place(1, 0, 1), "x", code="WFC102", safe=False))
        return listed

    assert fixed_text("aa = bb\n", look) == ("aa = c\n", 1)


def test_rounds_end() -> None:
    """Two rules that undo each other do not go on for ever."""

    def look(text: str) -> list[Finding]:
        return [found(place(1, 0, 1), "b" if text[0] == "a" else "a")]

    assert fixed_text("a\n", look)[1] == 5


def test_a_codemod_is_asked_by_name() -> None:
    """It computes replacements from text, place and arguments."""
    at = place(1, 0, 2)
    fix = Fix(safe=True, codemod="rename", arguments=("b",))

    def look(text: str) -> list[Finding]:
        return [Finding(told=diagnostic("WFC133", at, "x"), fix=fix)] if "aa" in text else []

    def rename(text: str, where: Place, arguments: tuple[str, ...]) -> tuple[Replacement, ...]:
        assert text == "aa\n"
        return (Replacement(where, arguments[0]),)

    assert fixed_text("aa\n", look) == ("aa\n", 0)
    assert fixed_text("aa\n", look, codemods={"rename": rename}) == ("b\n", 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\xef\xbb\xbfx = 1\r\n", b"\xef\xbb\xbfy = 1\r\n"),
        (b"# coding: latin-1\nx = '\xe9'\n", b"# coding: latin-1\ny = '\xe9'\n"),
        (b"x = 1\ry = 1\r", b"y = 1\ry = 1\r"),
    ],
)
def test_encoding_mark_and_line_ends_are_kept(before: bytes, after: bytes, tmp_path: Path) -> None:
    """A fix changes what it fixes, and no other byte."""
    from wfc.compiler.project import decoded  # noqa: PLC0415 - the reading half of what is tested

    text = decoded(before)
    assert encoded(text, before) == before
    changed = text.replace("x = ", "y = ", 1)
    assert encoded(changed, before) == after
    path = tmp_path / "a.py"
    path.write_bytes(before)
    path.chmod(0o640)
    write(path, after)
    assert path.read_bytes() == after
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_finding_travels_whole() -> None:
    """Through caches and other processes."""
    one = found(place(1, 0, 2), "b")
    assert from_plain(to_plain(one)) == one
    plain = Finding(told=one.told, function="f")
    assert from_plain(to_plain(plain)) == plain
