"""Diagnostics: a code, a sentence, a place, a chain, a fix. One catalogue for the whole house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from wfc.catalogue import ROWS


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file of the project: 1-based line, 0-based UTF-8 byte column, end exclusive."""

    path: str
    line: int = 1
    column: int = 0
    end_line: int = 1
    end_column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the chain that led to a fault: where, the source line, what happens there."""

    place: Place
    source: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. `fix` is a sentence that says what to do."""

    code: str
    severity: Severity
    sentence: str
    place: Place
    chain: tuple[Link, ...] = ()
    fix: str | None = None


class Rule(NamedTuple):
    """What a code means wherever it is reported. A rule that is `off` must be selected by name."""

    code: str
    name: str
    severity: Severity
    summary: str
    fix: str
    off: bool


_SEVERITIES: Final = {
    "E": Severity.ERROR,
    "W": Severity.WARNING,
    "O": Severity.WARNING,
    "I": Severity.INFO,
}
CATALOGUE: Final[Mapping[str, Rule]] = {
    f"WFC{number}": Rule(f"WFC{number}", name, _SEVERITIES[level], summary, fix, level == "O")
    for number, name, level, summary, fix in ROWS
}
"""Every code there is. A code is never used again for something else."""


def diagnostic(
    code: str,
    place: Place,
    sentence: str,
    *,
    chain: Sequence[Link] = (),
    fix: str | None = None,
) -> Diagnostic:
    """Make a finding of `code`, with the severity (and, unless given, the fix) of the catalogue."""
    rule = CATALOGUE[code]
    return Diagnostic(
        code=code,
        severity=rule.severity,
        sentence=sentence,
        place=place,
        chain=tuple(chain),
        fix=fix if fix is not None else rule.fix,
    )


def render(diagnostic: Diagnostic, sources: Mapping[str, str] | None = None) -> str:
    """Write a finding for people: place, code and sentence, then its chain, then its fix.

    `sources` maps paths to texts: with it, columns count characters (they are bytes in a `Place`)
    and a link without a source line is given one. Columns are printed from 1, as editors do.
    """
    texts = sources or {}
    place = diagnostic.place
    column = _characters(texts.get(place.path), place) + 1
    lines = [f"{place.path}:{place.line}:{column}: {diagnostic.code} {diagnostic.sentence}"]
    rows = [
        (
            f"{link.place.path}:{link.place.line}",
            link.source or _line(texts.get(link.place.path), link.place.line).strip(),
            link.what,
        )
        for link in diagnostic.chain
    ]
    wheres, codes = (max((len(row[part]) for row in rows), default=0) for part in (0, 1))
    lines += [
        f"    {where:<{wheres}}   {code:<{codes}}   {what}".rstrip() for where, code, what in rows
    ]
    if diagnostic.fix:
        lines.append(f"  Fix: {diagnostic.fix}")
    return "\n".join(lines)


def _characters(text: str | None, place: Place) -> int:
    """Give the column of `place` in characters; in bytes if its text is not at hand."""
    if text is None:
        return place.column
    before = _line(text, place.line).encode()[: place.column]
    return len(before.decode(errors="ignore")) if before else place.column


def _line(text: str | None, number: int) -> str:
    lines = (text or "").split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else ""
