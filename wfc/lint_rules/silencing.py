"""Comments that silence: ``noqa`` for linters alone, ``wfc: allow[...]`` for the whole house."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from wfc.compiler.allowances import Allowances
from wfc.lint_rules.finding import Finding, Fix, Replacement
from wfc.lint_rules.module import Module

ALLOW: Final = "wfc: allow["
UNUSED: Final = "WFC133"
# The form that flake8 and ruff read: bare, or with codes between commas or spaces.
_NOQA: Final = re.compile(
    r"#\s*noqa(?::\s?(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.IGNORECASE
)


def by_allowances(
    module: Module, compiled: Iterable[Finding], ruled: Iterable[Finding], judged: frozenset[str]
) -> list[Finding]:
    """Take away what ``# wfc: allow[CODE] reason`` exempts, and tell of comments that give no
    reason (WFC132) or, of the codes that rules have `judged`, exempt nothing (WFC133).

    Only what rules have found is exempted here: the compiler has obeyed the comments itself, or
    its finding stands in the way of a build whatever a comment says. Without a project nothing is
    told to be unused: the workflow that needs the exemption may stand in another file.
    """
    kept, name = list(compiled), module.source.name
    if ALLOW not in module.source.text:
        return [*kept, *ruled]
    allowances = Allowances(lambda asked: module.source if asked == name else None)
    for one in ruled:
        line = one.place.line
        if allowances.of(name, one.code, line, module.function_at(one.place)) is None:
            kept.append(one)
    told = {one.told for one in kept}
    extra = allowances.findings((name,), judged=judged.__contains__)
    kept += [Finding(told=one) for one in extra if one not in told]
    used = {one.place for one in allowances.used}
    lines = module.source.text.split("\n")
    return [
        _removable(one, lines) if one.code == UNUSED else one
        for one in kept
        if one.code != UNUSED or (module.overview is not None and one.place not in used)
    ]


def _removable(finding: Finding, lines: list[str]) -> Finding:
    """Let the comment of a finding be taken away, with the blanks before it."""
    place = finding.place
    before = lines[place.line - 1].encode()[: place.column].rstrip()
    whole = replace(place, column=len(before))
    return replace(finding, fix=Fix(safe=True, replacements=(Replacement(whole, ""),)))


def by_noqa(text: str, found: Iterable[Finding]) -> list[Finding]:
    """Take away what a ``# noqa`` on the first or last line of its place silences."""
    if "noqa" not in text.lower():
        return list(found)
    lines = text.split("\n")
    return [
        one
        for one in found
        if not any(
            _silences(lines[number - 1], one.code)
            for number in {one.place.line, one.place.end_line}
            if 0 < number <= len(lines)
        )
    ]


def _silences(line: str, code: str) -> bool:
    match = _NOQA.search(line)
    if match is None:
        return False
    if match["codes"] is None:
        return True
    return any(code.startswith(one.upper()) for one in re.split(r"[,\s]+", match["codes"]) if one)
