"""A finding of the linter: a diagnostic of the catalogue, and what would cure it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from wfc.compiler import findings
from wfc.diagnostics import Diagnostic, Place, Severity


@dataclass(frozen=True, slots=True)
class Replacement:
    """Text that takes the place of what stands at `place` (nothing, if that is empty)."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A cure that a program can do: replacements, or the name of a codemod that computes them.

    A codemod is asked with the place of the finding and `arguments`. A fix that is not `safe` may
    change what the program does, and is done only by ``--unsafe-fixes``.
    """

    safe: bool
    replacements: tuple[Replacement, ...] = ()
    codemod: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule or the compiler has found in one file."""

    told: Diagnostic
    fix: Fix | None = None
    function: str = ""  # qualname of the innermost function around it

    @property
    def code(self) -> str:
        """Give the code of the catalogue."""
        return self.told.code

    @property
    def place(self) -> Place:
        """Give where it was found."""
        return self.told.place

    @property
    def severity(self) -> Severity:
        """Give how bad it is."""
        return self.told.severity

    @property
    def order(self) -> tuple[Place, str, str]:
        """Give by what findings are sorted: place, code, sentence."""
        return self.told.place, self.told.code, self.told.sentence


def to_plain(finding: Finding) -> dict[str, Any]:
    """Give a finding as dicts, lists and scalars, for a cache or another process."""
    fix = finding.fix
    return {
        "told": findings.to_plain(finding.told),
        "function": finding.function,
        "fix": None
        if fix is None
        else {
            "safe": fix.safe,
            "codemod": fix.codemod,
            "arguments": list(fix.arguments),
            "replacements": [[list(astuple(one.place)), one.text] for one in fix.replacements],
        },
    }


def from_plain(plain: Mapping[str, Any]) -> Finding:
    """Read what `to_plain` gave."""
    fix = plain["fix"]
    return Finding(
        told=findings.from_plain(plain["told"]),
        function=plain["function"],
        fix=None
        if fix is None
        else Fix(
            safe=fix["safe"],
            codemod=fix["codemod"],
            arguments=tuple(fix["arguments"]),
            replacements=tuple(
                Replacement(Place(*place), text) for place, text in fix["replacements"]
            ),
        ),
    )
