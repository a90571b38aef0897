"""Gather the facts of one module: parse it once, walk it, and let each `gather_*` say its part.

Sites and effects are gathered by their own modules, from the same tree and names.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wfc.compiler.facts import Definition, ModuleFacts, ModuleSource
from wfc.compiler.gather_agents import agent_facts
from wfc.compiler.gather_calls import judge_calls
from wfc.compiler.gather_closures import captures_of, judge_closure, with_those_of_steps
from wfc.compiler.gather_directives import gather_directives
from wfc.compiler.gather_fills import fills_of
from wfc.compiler.gather_hazards import gather_hazards
from wfc.compiler.gather_methods import asked_of, class_names, registered_methods
from wfc.compiler.gather_module_rules import judge_lambdas, judge_module, judge_reserved
from wfc.compiler.gather_names import Names, imports_of, references_of, symbols_of
from wfc.compiler.gather_rules import judge_marks
from wfc.compiler.gather_sets import set_names
from wfc.compiler.gather_signatures import entry_of
from wfc.compiler.gather_state import container_names
from wfc.compiler.marks import Mark, Marks
from wfc.compiler.spans import span_of, whole_span_of
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.manifests.agents import tool_decorators
from wfc.manifests.bundle import Span
from wfc.manifests.registrations import Registration, registrations_of, writers_of

_UNREADABLE: Final = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A module's facts with what they were read from, so that nobody parses it again."""

    tree: ast.Module
    names: Names
    facts: ModuleFacts


def gather(source: ModuleSource) -> ModuleFacts:
    """Give the facts of a module; what is wrong with it stands in their `findings`."""
    return gather_tree(source).facts


def gather_tree(source: ModuleSource, tree: ast.Module | None = None) -> Gathered:
    """Give the facts of a module, its tree (unless a host has parsed it already) and its names.

    What Python cannot read becomes an empty module with a finding, never an exception.
    """
    try:
        return _gathered(parse(source) if tree is None else tree, source)
    except _UNREADABLE as error:
        return _unreadable(source, _unreadable_finding(source, error))


def parse(source: ModuleSource) -> ast.Module:
    """Parse a module. Raises SyntaxError, also for what only the compiler would find."""
    with warnings.catch_warnings():
        # Python warns when it compiles the bundle; twice would be once too often.
        warnings.simplefilter("ignore")
        tree = ast.parse(source.text, source.filename)
        compile(tree, source.filename, "exec", dont_inherit=True)
    return tree


def why_unreadable(source: ModuleSource) -> tuple[Diagnostic, ...]:
    """Say why Python cannot read a module, or nothing; a tenth of the work of gathering it."""
    try:
        parse(source)
    except _UNREADABLE as error:
        return (_unreadable_finding(source, error),)
    return ()


def _gathered(tree: ast.Module, source: ModuleSource) -> Gathered:
    if source.findings:
        return _unreadable(source, *source.findings)
    marks = gather_directives(tree, source.path, source.text)
    tools = tool_decorators(tree)
    evaluated = frozenset(one for decorators in tools.values() for one in decorators)
    kinds: dict[ast.AST, str] = {mark.node: mark.kind for mark in marks.functions}
    names = Names.of(tree, source, kinds, evaluated)
    registrations = _registrations(tree, marks, names, tools)
    agents = tuple(agent_facts(tree, tools))
    captures = with_those_of_steps(
        {mark: captures_of(mark, names) for mark in marks.functions if mark.workflow}
    )
    findings = [*marks.findings, *judge_lambdas(names, source.path)]
    if "__wfc" in source.text:
        findings += judge_reserved(names, source.path)
    if marks.functions or marks.directive or findings:
        findings += _judgements(marks, names, tree, captures, source.path)
    hazards, constructions, factories = gather_hazards(tree, names, marks)
    facts = ModuleFacts(
        name=source.name,
        source_sha256=source.sha256,
        hazards=hazards,
        constructions=constructions,
        factories=factories,
        classes=frozenset(class_names(names)),
        called=frozenset(registered_methods(names)),
        asked=asked_of(names),
        containers=frozenset(container_names(names)),
        fills=tuple(fills_of(tree, names, marks)),
        writers=writers_of(tree),
        agents=agents,
        sets=frozenset(set_names(names)),
        definitions=tuple(
            _definition(mark, names, captures.get(mark, ()), tools.get(mark.node, ()))
            for mark in marks.functions
        ),
        imports=imports_of(names),
        symbols=symbols_of(tree, names, registrations),
        references=references_of(names, registrations, [one.variable for one in agents]),
        futures=_futures(tree),
        findings=tuple(sorted(findings, key=_order)),
        directive_span=span_of(marks.directive) if marks.directive is not None else None,
    )
    return Gathered(tree, names, facts)


def _registrations(
    tree: ast.Module, marks: Marks, names: Names, tools: Mapping[ast.stmt, tuple[ast.expr, ...]]
) -> tuple[Registration, ...]:
    """Give what fills objects of the module in passing; a workflow bundle decorates no step, but
    makes it a tool of an agent.
    """
    steps = frozenset[ast.stmt](
        mark.node for mark in marks.functions if mark.kind == "step" and mark.node not in tools
    )
    found = tuple(one for one in registrations_of(tree) if tree.body[one.top] not in steps)
    for one in found:
        names.walked.touched.setdefault(one.top, set()).add(one.into)
    return found


def _judgements(
    marks: Marks,
    names: Names,
    tree: ast.Module,
    captures: dict[Mark, tuple[str, ...]],
    path: str,
) -> Iterator[Diagnostic]:
    yield from judge_marks(marks, names, path)
    yield from judge_module(marks, names, tree, path)
    yield from judge_calls(marks, names, path)
    steps = frozenset(mark.node for mark in marks.functions if mark.kind == "step")
    for mark, captured in captures.items():
        yield from judge_closure(mark, captured, names, steps, path)


def _definition(
    mark: Mark, names: Names, captures: tuple[str, ...], tools: tuple[ast.expr, ...]
) -> Definition:
    node = mark.node
    first, last = span_of(node.body[0]), span_of(node.body[-1])
    first = whole_span_of(node.body[0])
    return Definition(
        entry=entry_of(mark, names, captures),
        span=whole_span_of(node),
        body_span=Span(first.line, first.column, last.end_line, last.end_column),
        directive_span=span_of(mark.directive) if mark.directive is not None else None,
        decorator_spans=tuple(span_of(decorator) for decorator in node.decorator_list),
        captures=captures,
        tool_spans=tuple(map(span_of, tools)) if mark.kind == "step" else (),
    )


def _futures(tree: ast.Module) -> tuple[str, ...]:
    return tuple(
        alias.name
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        for alias in statement.names
    )


def _order(finding: Diagnostic) -> tuple[Place, str]:
    return finding.place, finding.code


def _unreadable(source: ModuleSource, *findings: Diagnostic) -> Gathered:
    tree = ast.Module([], [])
    facts = ModuleFacts(name=source.name, source_sha256=source.sha256, findings=findings)
    return Gathered(tree, Names.of(tree, source), facts)


def _unreadable_finding(source: ModuleSource, error: Exception) -> Diagnostic:
    place, why = Place(source.path), str(error) or type(error).__name__
    if isinstance(error, SyntaxError):
        why = error.msg
        place = _place_of(source, error)
    elif isinstance(error, RecursionError):
        why = "it is nested too deeply"
    return diagnostic(
        "WFC910",
        place,
        f"Python cannot read this module: {why}",
        fix="correct it; nothing of this module was compiled.",
    )


def _place_of(source: ModuleSource, error: SyntaxError) -> Place:
    """Give the place of a syntax error, whose columns count characters from 1."""
    line = error.lineno or 1
    end_line = max(error.end_lineno or line, line)
    lines = source.text.split("\n")

    def byte_column(number: int, offset: int | None) -> int:
        text = lines[number - 1] if 0 < number <= len(lines) else ""
        return len(text[: max((offset or 1) - 1, 0)].encode())

    column = byte_column(line, error.offset)
    end_column = byte_column(end_line, error.end_offset or error.offset)
    return Place(source.path, line, column, end_line, end_column)
