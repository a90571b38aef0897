"""Do fixes: replacements that do not overlap, in rounds, kept only if nothing gets worse."""

from __future__ import annotations

import ast
import os
import tempfile
import tokenize
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final, TypeAlias

from wfc.diagnostics import Place
from wfc.lint_rules.finding import Finding, Fix, Replacement

ROUNDS_MAX: Final = 5
Codemod: TypeAlias = Callable[[str, Place, tuple[str, ...]], tuple[Replacement, ...]]
"""Computes replacements: given a text, the place of a finding in it, and the fix's arguments."""


def _importing(text: str, place: Place, arguments: tuple[str, ...]) -> tuple[Replacement, ...]:
    """Put an expression in the place of another, and import what it names."""
    from wfc.compiler.codemods import import_edit  # noqa: PLC0415 - it loads libcst

    put, module, name, *where = arguments
    at = Place(place.path, *map(int, where))
    edit = import_edit(text, module, name)
    found = [Replacement(at, put)]
    if edit is not None:
        span = edit.span
        line = Place(place.path, span.line, span.column, span.end_line, span.end_column)
        found.append(Replacement(line, edit.text))
    return tuple(found)


CODEMODS: Final[Mapping[str, Codemod]] = {"importing": _importing}
"""The codemods that fixes name; they load libcst when one is done."""


def fixed_text(
    text: str,
    look: Callable[[str], list[Finding]],
    *,
    unsafe: bool = False,
    codemods: Mapping[str, Codemod] = CODEMODS,
) -> tuple[str, int]:
    """Give `text` with its fixes done, and how many; `look` finds what is wrong with a text.

    A round that leaves what Python cannot read, or that brings a finding of another code or one
    more of the same, is not done.
    """
    done = 0
    found = look(text)
    for _ in range(ROUNDS_MAX):
        chosen = _chosen(text, found, codemods, unsafe=unsafe)
        # One bad fix must not keep the others from being done.
        for fixes in (chosen, *([one] for one in chosen if len(chosen) > 1)):
            after = replaced(text, (one for fix in fixes for one in fix))
            if after == text or not _is_python(after):
                continue
            left = look(after)
            if not _count(left) - _count(found):
                text, found, done = after, left, done + len(fixes)
                break
        else:
            break
    return text, done


def replaced(text: str, replacements: Iterable[Replacement]) -> str:
    """Give `text` with parts replaced, from the end to the beginning so that places stay true."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode("utf-8", "surrogatepass")) + 1)
    data = text.encode("utf-8", "surrogatepass")
    for one in sorted(replacements, key=lambda one: one.place, reverse=True):
        start = starts[one.place.line - 1] + one.place.column
        end = starts[one.place.end_line - 1] + one.place.end_column
        data = data[:start] + one.text.encode("utf-8", "surrogatepass") + data[end:]
    return data.decode("utf-8", "surrogatepass")


def encoded(text: str, before: bytes) -> bytes:
    """Write `text` as the file was written: encoding, byte order mark, line ends."""
    encoding, _ = tokenize.detect_encoding(BytesIO(before).readline)
    if b"\r\n" in before:
        text = text.replace("\n", "\r\n")
    elif b"\r" in before:
        text = text.replace("\n", "\r")
    if encoding == "utf-8-sig":
        return BOM_UTF8 + text.encode("utf-8")
    return text.encode(encoding)


def write(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file at once, with its permissions."""
    mode = path.stat().st_mode
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(beside).chmod(mode)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _chosen(
    text: str, found: Iterable[Finding], codemods: Mapping[str, Codemod], *, unsafe: bool
) -> list[tuple[Replacement, ...]]:
    """Choose the fixes of one round: in order of place, none overlapping one before it."""
    chosen: list[tuple[Replacement, ...]] = []
    taken: list[Place] = []
    for one in found:
        if one.fix is None or not (one.fix.safe or unsafe):
            continue
        parts = _parts(text, one, one.fix, codemods)
        if parts and not any(_overlap(part.place, other) for part in parts for other in taken):
            chosen.append(parts)
            taken += [part.place for part in parts]
    return chosen


def _parts(
    text: str, finding: Finding, fix: Fix, codemods: Mapping[str, Codemod]
) -> tuple[Replacement, ...]:
    if not fix.codemod:
        return fix.replacements
    codemod = codemods.get(fix.codemod)
    return codemod(text, finding.place, fix.arguments) if codemod is not None else ()


def _overlap(one: Place, other: Place) -> bool:
    if (one.line, one.column) == (other.line, other.column):
        return True  # two insertions at one place have no order
    begins, ends = (one.line, one.column), (one.end_line, one.end_column)
    return begins < (other.end_line, other.end_column) and (other.line, other.column) < ends


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _count(found: Iterable[Finding]) -> Counter[str]:
    return Counter(one.code for one in found)
