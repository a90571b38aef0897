"""Findings as JSON and back: `diagnostics.json`, and what an unchanged build says again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wfc.diagnostics import Diagnostic, Link, Place, Severity, render
from wfc.errors import CompileError


def to_plain(finding: Diagnostic) -> dict[str, Any]:
    """Give a finding as dicts, lists and scalars."""
    return {
        "chain": [
            {"place": _place(link.place), "source": link.source, "what": link.what}
            for link in finding.chain
        ],
        "code": finding.code,
        "fix": finding.fix,
        "place": _place(finding.place),
        "sentence": finding.sentence,
        "severity": finding.severity.value,
    }


def from_plain(plain: Mapping[str, Any]) -> Diagnostic:
    """Read what `to_plain` gave."""
    return Diagnostic(
        code=plain["code"],
        severity=Severity(plain["severity"]),
        sentence=plain["sentence"],
        place=Place(*plain["place"]),
        chain=tuple(
            Link(place=Place(*one["place"]), source=one["source"], what=one["what"])
            for one in plain["chain"]
        ),
        fix=plain["fix"],
    )


def ordered(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort findings by place and code, each once."""
    return tuple(sorted(set(findings), key=lambda one: (one.place, one.code, one.sentence)))


def has_error(findings: Iterable[Diagnostic]) -> bool:
    """Tell whether any finding stands in the way of a version."""
    return any(one.severity is Severity.ERROR for one in findings)


def compile_error(findings: Iterable[Diagnostic], sources: Mapping[str, str]) -> CompileError:
    """Make the exception that carries findings, with their rendering as its message."""
    listed = ordered(findings)
    errors = [one for one in listed if one.severity is Severity.ERROR]
    return CompileError("\n".join(["", *(render(one, sources) for one in errors)]), listed)


def _place(place: Place) -> list[Any]:
    return [place.path, place.line, place.column, place.end_line, place.end_column]
