"""Scan bytes for directives, so that a file without any is never parsed; and read source text.

The scan may say yes to a file that holds none: `ast` decides. It never says no to one that does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wfc.compiler.facts import ModuleSource
from wfc.compiler.mention import holds_exactly, holds_near_miss
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.ids import ModuleName


@dataclass(frozen=True, slots=True)
class Scan:
    """What the bytes of a file may hold."""

    directive: bool
    near_miss: bool

    @property
    def hit(self) -> bool:
        """Tell whether the file must be parsed."""
        return self.directive or self.near_miss


def scan(data: bytes) -> Scan:
    """Look for the directives and for strings on lines of their own that resemble one."""
    return Scan(holds_exactly(data), holds_near_miss(data))


def read_source(
    name: ModuleName, path: str, filename: str, data: bytes, *, is_package: bool = False
) -> ModuleSource:
    """Decode a module as Python does: byte order mark, encoding cookie, line ends become LF.

    What cannot be decoded becomes a module without text and a finding.
    """
    text, findings = "", tuple[Diagnostic, ...]()
    try:
        text = _decoded(data)
    except (SyntaxError, UnicodeError, LookupError) as error:
        findings = (_undecodable(path, data, error),)
    return ModuleSource(
        name=name,
        path=path,
        filename=filename,
        text=text,
        sha256=hashlib.sha256(data).hexdigest(),
        is_package=is_package,
        findings=findings,
    )


def _decoded(data: bytes) -> str:
    # The import system's own function: what it accepts is what Python would compile.
    from importlib.util import decode_source  # noqa: PLC0415 - the scan alone must stay light

    return decode_source(data)


def _undecodable(path: str, data: bytes, error: Exception) -> Diagnostic:
    line = data.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else 1
    return diagnostic(
        "WFC910",
        Place(path, line, 0, line, 0),
        f"the file cannot be decoded ({error}), so Python could not import it either",
        fix="save the file as UTF-8, or name its encoding in a first line "
        "`# -*- coding: NAME -*-`.",
    )
