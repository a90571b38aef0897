"""Diagnostics: a code, a sentence, a place, a chain, a fix. One catalogue for the whole house."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
