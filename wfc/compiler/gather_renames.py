"""Rename hints: ``# wfc: was[app.pay:charge_card]`` beside what has another name now.

A hint stands on the line of a function, class, parameter, field or enum member, or on a line of its
own above. It changes nothing but what `compare` makes of two versions.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wfc.compiler.facts import ModuleSource
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.manifests.fingerprint import Unit

_HINT: Final = re.compile(r"#\s*wfc:\s*was\[([^\]]*)\]")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_WHERE: Final = (
    "put it on the line of a function, class, parameter, field or enum member, or on the line above"
)


@dataclass(frozen=True, slots=True)
class Rename:
    """What `id` was called before, oldest first; `live` are the old names that still stand beside
    it: parameters of the same function, fields of the same class.
    """

    id: str
    old: tuple[str, ...]
    place: Place
    live: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Named:
    """Something that may be renamed. `beside` is None for what old ids name by module."""

    owner: str  # module and qualname of what it stands in: ``app.pay:``, ``app.pay:charge.``
    name: str
    lines: tuple[int, ...]  # on which a hint is its own
    beside: frozenset[str] | None = None

    @property
    def id(self) -> str:
        return f"{self.owner}{self.name}"


def renames_of(
    modules: Iterable[tuple[ModuleSource, Unit]],
    moved: Iterable[tuple[str, str]],
    unit_of: Callable[[str], Unit | None],
) -> tuple[dict[str, tuple[str, ...]], list[Diagnostic]]:
    """Give new id -> old ids, oldest first, and what is wrong with hints (WFC616).

    `moved` is the table `[tool.wfc.renamed]`: old and new names of modules.
    """
    found: dict[str, tuple[str, ...]] = {}
    findings: list[Diagnostic] = []
    for old, new in moved:
        found[new] = (*found.get(new, ()), old)
        if unit_of(old) is not None:
            findings.append(_still_there(Place("pyproject.toml"), new, old))
    for source, unit in modules:
        renames, misplaced = gather_renames(source, unit.tree)
        findings += [*misplaced, *judge_renames(renames, unit_of)]
        for one in renames:
            found[one.id] = (*found.get(one.id, ()), *one.old)
    return dict(sorted(found.items())), findings


def gather_renames(source: ModuleSource, tree: ast.Module) -> tuple[list[Rename], list[Diagnostic]]:
    """Read the hints of a module; one that stands beside nothing is a finding."""
    hints = list(_hints(source))
    if not hints:
        return [], []
    by_line: dict[int, _Named] = {}
    for one in _named(tree, f"{source.name}:"):
        for line in one.lines:
            by_line.setdefault(line, one)
    alone = {place.line for _, place, is_alone in hints if is_alone}
    renames, findings = [], []
    for words, place, is_alone in hints:
        line = place.line
        while is_alone and line in alone:
            line += 1
        named = by_line.get(line)
        if named is None or not words:
            findings.append(
                diagnostic("WFC616", place, "this rename hint stands beside nothing", fix=_WHERE)
            )
            continue
        old = tuple(_old_id(word, named) for word in words)
        beside = {*(named.beside or ()), named.name}
        live = tuple(one for word, one in zip(words, old, strict=True) if word in beside)
        renames.append(Rename(named.id, old, place, live))
    return renames, findings


def judge_renames(
    renames: Iterable[Rename], unit_of: Callable[[str], Unit | None]
) -> Iterator[Diagnostic]:
    """Report hints that name what still lives (WFC616): then nothing was renamed."""
    for one in renames:
        living = [*one.live, *(old for old in one.old if _lives(old, unit_of))]
        for name in dict.fromkeys(living):
            yield _still_there(one.place, one.id, name)


def _still_there(place: Place, new: str, old: str) -> Diagnostic:
    return diagnostic(
        "WFC616",
        place,
        f"`{new}` is said to have been `{old}`, which is still there",
        fix="correct the old name, or remove the hint.",
    )


def _hints(source: ModuleSource) -> Iterator[tuple[tuple[str, ...], Place, bool]]:
    """Give the names in each hint, where it stands, and whether it has its line for itself."""
    if "was[" not in source.text or not _HINT.search(source.text):
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        match = _HINT.match(token.string) if token.type == tokenize.COMMENT else None
        if match is None:
            continue
        line, column = token.start
        before = token.line[:column]
        column = len(before.encode())
        place = Place(source.path, line, column, line, column + len(token.string.encode()))
        words = tuple(word.strip() for word in match[1].split(",") if word.strip())
        yield words, place, not before.strip()


def _named(node: ast.AST, owner: str) -> Iterator[_Named]:
    """Go through what has a name that logs or payloads may hold, outer before inner."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, (*_FUNCTIONS, ast.ClassDef)):
            first = min([inner.lineno, *(one.lineno for one in inner.decorator_list)])
            # The line of the name first: two things on one line are told apart by who is outer.
            yield _Named(owner, inner.name, tuple(range(inner.lineno, first - 1, -1)))
            within = f"{owner}{inner.name}."
            if isinstance(inner, ast.ClassDef):
                yield from _members(inner, within)
            else:
                yield from _parameters(inner, within)
            yield from _named(inner, within)
        elif not isinstance(inner, ast.expr):
            yield from _named(inner, owner)


def _members(node: ast.ClassDef, within: str) -> Iterator[_Named]:
    found: list[tuple[str, int]] = []
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        found += [(one.id, statement.lineno) for one in targets if isinstance(one, ast.Name)]
    every = frozenset(name for name, _ in found)
    for name, line in found:
        yield _Named(within, name, (line,), every)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, within: str) -> Iterator[_Named]:
    arguments = node.args
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every = frozenset(one.arg for one in found)
    for one in found:
        yield _Named(within, one.arg, (one.lineno,), every)


def _old_id(word: str, named: _Named) -> str:
    """Give the id that a hint means: a bare name had the same owner, ``a.b.c`` ends in a qualname
    as long as the new one.
    """
    if ":" in word:
        return word
    if "." not in word or named.beside is not None:
        return f"{named.owner}{word.rpartition('.')[2]}"
    parts = word.split(".")
    length = len(named.id.partition(":")[2].split("."))
    if len(parts) <= length:
        return f"{named.id.partition(':')[0]}:{word}"
    return f"{'.'.join(parts[:-length])}:{'.'.join(parts[-length:])}"


def _lives(old: str, unit_of: Callable[[str], Unit | None]) -> bool:
    module, _, qualname = old.partition(":")
    unit = unit_of(module)
    if unit is None or not qualname:
        return False
    return unit.find(qualname) is not None or qualname in unit.bindings
