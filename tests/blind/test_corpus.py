"""The corpus keeps its own rules: format, balance, and that nobody has edited a snippet."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest

from tests.blind import corpus
from tests.blind.corpus import Expectation, MalformedSnippet, Snippet

ALL = corpus.load()
CODE = re.compile(r"WFC\d{3}")


def python_files(snippet: Snippet) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in snippet.files.items() if path.endswith(".py"))


def unreadable(snippet: Snippet) -> Iterator[str]:
    for path, text in snippet.files.items():
        try:
            ast.parse(text) if path.endswith(".py") else tomllib.loads(text)
        except (SyntaxError, tomllib.TOMLDecodeError) as error:
            yield f"{snippet.name} {path}: {error}"


def test_every_file_parses() -> None:
    assert [problem for snippet in ALL for problem in unreadable(snippet)] == []


def test_every_snippet_has_python() -> None:
    assert [s.name for s in ALL if not any(python_files(s))] == []


def test_the_first_letter_says_faulty_or_clean() -> None:
    assert [s.name for s in ALL if s.clean != s.name.startswith("c")] == []
    assert [s.name for s in ALL if not re.fullmatch(r"[cf]\d{3}_[a-z0-9_]+", s.name)] == []


def test_every_code_is_written_in_full() -> None:
    expected = {code for snippet in ALL for one in snippet.expected for code in one.codes}
    tolerated = {one.code for snippet in ALL for one in snippet.tolerated}
    assert [code for code in expected | tolerated if not CODE.fullmatch(code)] == []


def test_every_mark_stands_on_a_line_with_code() -> None:
    empty = [
        f"{snippet.name} {one.path}:{line}"
        for snippet in ALL
        for one in snippet.expected
        for line in one.lines
        if not snippet.files[one.path].splitlines()[line - 1].strip()
    ]
    assert empty == []


def test_a_clean_snippet_tolerates_nothing() -> None:
    assert [s.name for s in ALL if s.clean and s.tolerated] == []


def test_the_judged_never_sees_a_mark() -> None:
    mark = re.compile(r"# (expect|or|may):")
    assert [s.name for s in ALL if any(mark.search(text) for text in s.files.values())] == []


def test_numbers_are_unique() -> None:
    numbers = [snippet.name[:4] for snippet in ALL]
    assert len(set(numbers)) == len(numbers)


def test_there_are_enough_and_half_are_clean() -> None:
    assert len(ALL) >= 240
    assert 0.48 <= sum(snippet.clean for snippet in ALL) / len(ALL) <= 0.52


def test_many_are_projects_of_several_modules() -> None:
    modules = [sum(bool(text.strip()) for _, text in python_files(s)) for s in ALL]
    assert sum(count > 1 for count in modules) >= 50


def test_every_family_is_asked_for_and_most_are_effects_and_determinism() -> None:
    families = [one.code[3] for snippet in ALL for one in snippet.expected]
    assert set(families) == set("123458")
    assert (families.count("2") + families.count("3")) / len(families) >= 0.6


def test_nobody_has_edited_a_frozen_snippet() -> None:
    assert corpus.CHECKSUM.read_text(encoding="utf-8").split()[0] == corpus.checksum()


def test_marks_are_read_and_taken_off() -> None:
    text = (
        "=== a.py\n"
        "x = f()  # expect: WFC201|WFC211 error, WFC126 either  # may: WFC202\n"
        "y = 2  # or: WFC211\n"
        "=== b/c.py\n"
        "z = '# kept'  # may: WFC310\n"
    )
    snippet = corpus.parse("f001_marks", text)
    assert snippet.files == {"a.py": "x = f()\ny = 2\n", "b/c.py": "z = '# kept'\n"}
    effect = frozenset({"WFC201", "WFC211"})
    assert snippet.expected == (
        Expectation("a.py", 1, "WFC201", "error", effect, frozenset({1, 2})),
        Expectation("a.py", 1, "WFC126", "either", frozenset({"WFC126"}), frozenset({1})),
    )
    tolerated = [(one.path, one.line, one.code) for one in snippet.tolerated]
    assert tolerated == [("a.py", 1, "WFC202"), ("b/c.py", 1, "WFC310")]


def test_an_expectation_is_met_by_code_level_and_any_link() -> None:
    one = Expectation("a.py", 3, "WFC201", "error", frozenset({"WFC201"}), frozenset({3}))
    chain = frozenset({("flow.py", 9), ("a.py", 3)})
    assert one.met_by("WFC201", "error", chain)
    assert not one.met_by("WFC201", "warning", chain)
    assert one.located_by("WFC201", chain)
    assert not one.met_by("WFC202", "error", chain)
    assert not one.met_by("WFC201", "error", frozenset({("a.py", 4)}))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",
        "=== a.py\nx = 1\n=== a.py\n",
        "=== a.py\nx = 1  # expect: WFC20 error\n",
        "=== a.py\nx = 1  # expect: WFC201 fatal\n",
        "=== a.py\nx = 1  # or: WFC201\n",
    ],
)
def test_a_broken_snippet_is_refused(text: str) -> None:
    with pytest.raises(MalformedSnippet, match="f001_broken"):
        corpus.parse("f001_broken", text)
