"""Cures for what the compiler finds: its findings are sentences, so the fixes are added here.

These few are insertions and replacements at the very place of the finding; what must be moved or
rewritten is a codemod's matter (`Fix.codemod`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from wfc.compiler.facts import ModuleSource
from wfc.compiler.spans import text_at
from wfc.diagnostics import Diagnostic, Place
from wfc.directives import meant
from wfc.lint_rules.finding import Fix, Replacement
from wfc.manifests.bundle import Span


def cure_of(told: Diagnostic, source: ModuleSource) -> Fix | None:
    """Give the fix of a finding of the compiler, if it has one."""
    cure = _CURES.get(told.code)
    found = cure(told.place, source) if cure is not None and told.place.path == source.path else ()
    return Fix(safe=True, replacements=found) if found else None


def _async(place: Place, _: ModuleSource) -> tuple[Replacement, ...]:
    """Make a plain `def` a coroutine function."""
    return (_before(place, "async "),)


def _awaited(place: Place, source: ModuleSource) -> tuple[Replacement, ...]:
    """Await a call; in brackets where `await` would take in what is asked of the result."""
    if _is_generated(place, source):
        return ()  # an `await` would make the generator one that only `async for` goes through
    if not _is_asked(place, source):
        return (_before(place, "await "),)
    end = replace(place, line=place.end_line, column=place.end_column)
    return (_before(place, "(await "), Replacement(end, ")"))


def _is_generated(place: Place, source: ModuleSource) -> bool:
    """Tell whether the expression at `place` is evaluated by a generator expression."""
    begins, ends = (place.line, place.column), (place.end_line, place.end_column)
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.GeneratorExp):
            for part in (node.elt, *(one for each in node.generators for one in each.ifs)):
                first = (part.lineno, part.col_offset)
                last = (part.end_lineno or 0, part.end_col_offset or 0)
                if first <= begins and ends <= last:
                    return True
    return False


def _is_asked(place: Place, source: ModuleSource) -> bool:
    """Tell whether the expression at `place` has an attribute or an item taken, or is called."""
    at = (place.line, place.column, place.end_line, place.end_column)
    for node in ast.walk(ast.parse(source.text)):
        match node:
            case ast.Attribute(value=asked) | ast.Subscript(value=asked) | ast.Call(func=asked):
                if at == (asked.lineno, asked.col_offset, asked.end_lineno, asked.end_col_offset):
                    return True
    return False


def _exact(place: Place, source: ModuleSource) -> tuple[Replacement, ...]:
    """Write the directive that a string was meant to be."""
    if place.line != place.end_line:
        return ()
    lines = source.text.split("\n")
    span = Span(place.line, place.column, place.end_line, place.end_column)
    directive = meant(_value(text_at(lines, span)))
    return (Replacement(place, f'"{directive}"'),) if directive else ()


_CURES: Final[Mapping[str, Callable[[Place, ModuleSource], tuple[Replacement, ...]]]] = {
    "WFC102": _async,
    "WFC112": _exact,
    "WFC113": _exact,
    "WFC126": _awaited,
}


def _before(place: Place, text: str) -> Replacement:
    return Replacement(replace(place, end_line=place.line, end_column=place.column), text)


def _value(written: str) -> str:
    """Give the text that a string of any form holds."""
    match ast.parse(written.strip(), mode="eval").body:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=bytes(data)):
            return data.decode("latin-1")
        case ast.JoinedStr(values=[ast.Constant(value=str(text))]):
            return text
    return ""
