"""The two directives, and strings that were probably meant to be one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STEP: Final = "use step"
WORKFLOW: Final = "use workflow"
KINDS: Final[Mapping[str, str]] = {STEP: "step", WORKFLOW: "workflow"}
"""What each directive makes of a function."""

_DISTANCE_MAX: Final = 2
_WORDS_MAX: Final = 4  # five words and more are prose, however they begin
_LENGTH_MAX: Final = 40
_SPACES: Final = str.maketrans("-_.\t", "    ")


def meant(text: str) -> str | None:
    """Give the directive that `text` is a near miss of, or the directive itself, or None.

    A near miss differs by case, spaces or ``-_.``, or by one or two edits beside these.
    """
    if text in KINDS:
        return text
    if len(text) > _LENGTH_MAX:
        return None
    words = text.casefold().translate(_SPACES).split()
    if not words or len(words) > _WORDS_MAX:
        return None
    spelt, letters = " ".join(words), "".join(words)
    for directive in KINDS:
        if letters == directive.replace(" ", "") or _within(spelt, directive):
            return directive
    return None


def _within(text: str, directive: str) -> bool:
    """Tell whether at most two insertions, deletions or replacements lead from one to the other."""
    if abs(len(text) - len(directive)) > _DISTANCE_MAX:
        return False
    row = list(range(len(directive) + 1))
    for index, letter in enumerate(text, 1):
        above, row = row, [index]
        for column, wanted in enumerate(directive, 1):
            replaced = above[column - 1] + (letter != wanted)
            row.append(min(above[column] + 1, row[-1] + 1, replaced))
        if min(row) > _DISTANCE_MAX:
            return False
    return row[-1] <= _DISTANCE_MAX
