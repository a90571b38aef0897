"""Prove that nothing moved: what runs has the lines and columns of what was written (WFC190)."""

from __future__ import annotations
import __future__

import ast
import itertools
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from wfc.compiler.facts import Definition, ModuleFacts, ModuleSource
from wfc.compiler.nodes import FunctionNode, docstring_of, functions_by_span, is_future_import
from wfc.compiler.spans import span_of
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.manifests.bundle import Bundle, Purpose, Span
from wfc.manifests.code import parse_quietly
from wfc.manifests.sites import calls_of

_OPTIMIZED: Final = 1  # the code flag of functions, which modules and class bodies lack


def moved(
    source: ModuleSource, tree: ast.Module, facts: ModuleFacts, bundle: Bundle
) -> Iterator[Diagnostic]:
    """Compare the positions of each kept function of `bundle`, and its calls, with the source's."""
    try:
        kept = parse_quietly(bundle.text)
        written = _functions(kept, facts)
    except SyntaxError as error:
        yield _fault(source, error.lineno or 1, f"it is no Python: {error.msg}", bundle)
        return
    calls = sum(1 for _ in calls_of(kept))
    if bundle.purpose is Purpose.WORKFLOW and calls != len(bundle.sites):
        yield _fault(source, 1, f"of {calls} calls {len(bundle.sites)} have a site", bundle)
    original = _functions(_with_imports_of(kept, parse_quietly(source.text)), facts)
    replaced = [d for d in facts.definitions if _is_replaced(d, bundle)]
    changed = sorted(_changed(facts, functions_by_span(tree), replaced, bundle))
    for key, positions in written.items():
        if _is_ours(key, replaced, bundle):
            continue
        wanted = original.get(key)
        if wanted is None:
            yield _fault(source, key.line, f"`{key.name}` stood at another place", bundle)
        elif positions != wanted and _without(positions, changed) != _without(wanted, changed):
            yield _fault(source, key.line, f"`{key.name}` has other columns", bundle)


@dataclass(frozen=True, slots=True)
class _Key:
    """A function of a code object: its qualname and first line."""

    name: str
    line: int


def _with_imports_of(kept: ast.Module, original: ast.Module) -> ast.Module:
    """Take the names that `kept` does not import out of the imports of `original`.

    CPython calls a method of what a module imports by other instructions, even if a function has a
    local of that name.
    """
    names = {
        alias.asname or alias.name.partition(".")[0]
        for statement in _imports(kept)
        for alias in statement.names
    }
    written_out = {statement.lineno: statement.names for statement in _imports(kept)}
    for statement in _imports(original):
        nothing = [ast.alias(name="sys", asname="__wfc_nothing")]
        if statement.names[0].name == "*":
            statement.names = written_out.get(statement.lineno, nothing)
            continue
        statement.names = [
            alias
            for alias in statement.names
            if (alias.asname or alias.name.partition(".")[0]) in names
        ] or nothing
    return ast.fix_missing_locations(original)


def _imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give the imports that bind names of the module."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)) and not is_future_import(node):
            yield node
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            pending.extend(ast.iter_child_nodes(node))


_Position: TypeAlias = tuple[int | None, int | None, int | None, int | None]  # CPython's order


def _functions(tree: ast.Module, facts: ModuleFacts) -> dict[_Key, list[_Position]]:
    """Give the positions of every function of a tree."""
    flags = 0
    for name in facts.futures:
        flags |= getattr(__future__, name).compiler_flag
    found: dict[_Key, list[_Position]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are given when the bundle is loaded
        pending = [compile(tree, "<bundle>", "exec", flags=flags, dont_inherit=True)]
    while pending:
        code = pending.pop()
        pending.extend(const for const in code.co_consts if isinstance(const, types.CodeType))
        if code.co_flags & _OPTIMIZED:
            key = _Key(code.co_qualname.replace(".<locals>", ""), code.co_firstlineno)
            found.setdefault(key, []).extend(code.co_positions())
    return found


def _is_replaced(definition: Definition, bundle: Bundle) -> bool:
    """Tell whether the bundle holds something else instead: a stub, or a refusal."""
    return definition.entry.kind != bundle.purpose


def _is_ours(key: _Key, replaced: Sequence[Definition], bundle: Bundle) -> bool:
    """Tell whether a function is one that refuses, or the captures of a nested step."""
    if bundle.purpose is Purpose.STEP:
        return any(key == _Key(d.entry.qualname, d.span.line) for d in replaced)
    return any(d.span.line == key.line for d in replaced)


def _changed(
    facts: ModuleFacts,
    functions: Mapping[Span, FunctionNode],
    replaced: Sequence[Definition],
    bundle: Bundle,
) -> Iterator[Span]:
    """Give what was overwritten inside kept functions: directives, and steps in workflows."""
    for definition in facts.definitions:
        if definition.directive_span is not None:
            yield definition.directive_span
            docstring = docstring_of(functions[definition.span], definition.directive_span)
            if docstring is not None:  # second to its directive, so not yet one in the source
                yield span_of(docstring)
    if bundle.purpose is Purpose.WORKFLOW:
        yield from (definition.span for definition in replaced)


def _without(positions: list[_Position], changed: Sequence[Span]) -> list[Span]:
    """Leave out what was overwritten, and repetitions: how long a jump is changes with it."""
    kept: list[Span] = []
    for (line, end_line, column, end_column), _ in itertools.groupby(positions):
        if line is None or end_line is None or column is None or end_column is None:
            continue
        position = Span(line, column, end_line, end_column)
        if any(_meets(span, position) for span in changed):
            continue
        # A block that ends with a step ends where its assignment does: compare its beginning.
        ends_elsewhere = any(_meets(position, span) for span in changed)
        kept.append(replace(position, end_line=0, end_column=0) if ends_elsewhere else position)
    return kept


def _meets(span: Span, position: Span) -> bool:
    """Tell whether `position` begins within `span`."""
    start = (position.line, position.column)
    return (span.line, span.column) <= start <= (span.end_line, span.end_column)


def _fault(source: ModuleSource, line: int, what: str, bundle: Bundle) -> Diagnostic:
    return diagnostic(
        "WFC190",
        Place(source.path, line, 0, line, 0),
        f"wfc wrote a wrong {bundle.purpose} bundle, which is not used: {what}",
    )
