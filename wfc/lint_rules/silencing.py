"""Comments that silence: ``noqa`` for linters alone, ``wfc: allow[...]`` for the whole house."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from wfc.compiler.allowances import Allowances, is_judged
from wfc.lint_rules.finding import Finding, Fix, Replacement
from wfc.lint_rules.module import Module
from wfc.lint_rules.registry import rules

ALLOW: Final = "wfc: allow["
UNUSED: Final = "WFC133"
# The form that flake8 and ruff read: bare, or with codes between commas or spaces.
_NOQA: Final = re.compile(
    r"#\s*noqa(?::\s?(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.IGNORECASE
)


def by_allowances(
    module: Module, compiled: Iterable[Finding], ruled: Iterable[Finding]
) -> list[Finding]:
    """Take away what ``# wfc: allow[CODE] reason`` exempts, and tell of comments that exempt
    nothing (WFC133) or give no reason (WFC132).

    Only what rules have found: the compiler has obeyed the comments itself, or the finding stands
    in the way of a build whatever a comment says.
    """
    found = [*compiled, *ruled]
    if ALLOW not in module.source.text:
        return found
    allowances = Allowances(lambda name: module.source if name == module.source.name else None)
    name, kept = module.source.name, list(compiled)
    for one in ruled:
        line = one.place.line
        if allowances.of(name, one.code, line, module.function_at(one.place)) is None:
            kept.append(one)
    used = {one.place for one in allowances.used}
    kept = [one for one in kept if one.code != UNUSED or one.place not in used]
    told = {one.told for one in kept}
    extra = allowances.findings((name,), judged=_codes_of_rules().__contains__)
    kept += [Finding(told=one) for one in extra if one not in told]
    lines = module.source.text.split("\n")
    return [_removable(one, lines) if one.code == UNUSED else one for one in kept]


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


def _codes_of_rules() -> frozenset[str]:
    """Give the codes that only rules decide, so that the compiler does not miss their faults."""
    return frozenset(code for one in rules() for code in one.codes if not is_judged(code))
