"""The examples of the pages of errors: what is wrong there is found, what is right is silent."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from wfc.compiler.scan import read_source
from wfc.determinism import Rules
from wfc.ids import ModuleName
from wfc.lint_rules.engine import Options, check
from wfc.lint_rules.selection import EVERYTHING, Selection

_PAGES: Final = Path(__file__).parents[2] / "docs" / "errors"
_EXAMPLE: Final = re.compile(r"\*\*(Wrong|Right):\*\*\s+```python\n(.*?)```", re.DOTALL)
_SETTING: Final = re.compile(r"^# pyproject\.toml:\s*\[tool\.wfc\] (.*)$", re.MULTILINE)
_LINTED: Final = re.compile(r"WFC(?:[12345]|8)[0-5]\d")
_LATER: Final = frozenset[str]()
"""Codes whose pages show what no rule finds yet; whoever builds the rule takes its code away."""


def _examples() -> dict[str, dict[str, str]]:
    found = {}
    for page in sorted(_PAGES.glob("WFC*.md")):
        examples = dict(_EXAMPLE.findall(page.read_text("utf-8")))
        if examples and _LINTED.fullmatch(page.stem):
            found[page.stem] = examples
    return found


EXAMPLES: Final = _examples()


def _codes(code: str, text: str) -> list[str]:
    """Give what is found of a code and what else is an error, by the settings the text names."""
    settings = {
        name: tuple(value)
        for line in _SETTING.findall(text)
        for name, value in tomllib.loads(line).items()
    }
    source = read_source(ModuleName("shop"), "shop.py", "/shop.py", text.encode())
    options = Options(selection=Selection(select=(EVERYTHING, code)), rules=Rules(**settings))
    return [one.code for one in check(source, None, options)]


def test_there_are_examples() -> None:
    """Pages are read, and an example has both sides."""
    assert len(EXAMPLES) > 20
    assert [code for code, one in EXAMPLES.items() if set(one) != {"Wrong", "Right"}] == []


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_what_is_wrong_is_found(code: str) -> None:
    """A reader who pastes the example sees the code of the page."""
    assert (code in _codes(code, EXAMPLES[code]["Wrong"])) is (code not in _LATER)


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_what_is_right_is_silent(code: str) -> None:
    """The cure brings no other finding."""
    assert _codes(code, EXAMPLES[code]["Right"]) == []
