"""Scan bytes for directives, so that a file without any is never parsed; and read source text.

The scan may say yes to a file that holds none: `ast` decides. It never says no to one that does.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from wfc import directives
from wfc.compiler.facts import ModuleSource
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.ids import ModuleName

_EXACT: Final = tuple(directive.encode() for directive in directives.KINDS)
# A short string that begins a line, or that follows a colon as a body on one line does; in
# parentheses and in parts too, since those are mistakes to be told of.
_SHORT: Final = rb"""\(*([bfruBFRU]{0,2}["']{1,3}[^"'\n]{3,24}["'][^\n]{0,40})"""
_ON_A_LINE: Final = re.compile(rb"\n[ \t]*" + _SHORT)
_AFTER_A_COLON: Final = re.compile(rb":[ \t]*" + _SHORT)
_PUNCTUATION: Final = bytes.maketrans(b"\"'\\()", b"     ")


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
    directive = any(exact in data for exact in _EXACT)
    lines = b"\n" + (data.replace(b"\r", b"\n") if b"\r" in data else data).removeprefix(
        b"\xef\xbb\xbf"
    )
    near_miss = any(
        _may_be_meant(candidate)
        for pattern in (_ON_A_LINE, _AFTER_A_COLON)
        for candidate in pattern.findall(lines)
    )
    return Scan(directive, near_miss)


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


def _may_be_meant(candidate: bytes) -> bool:
    """Tell whether the string that begins `candidate` resembles a directive, however quoted."""
    opening = candidate.lstrip(b"bfruBFRU")
    inside = re.split(rb"[#;]", opening, maxsplit=1)[0].translate(_PUNCTUATION)
    return directives.meant(inside.decode("latin-1")) is not None


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
