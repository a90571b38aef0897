"""The workflow bundle: workflows and the helpers, classes, constants, imports they reach.

Whatever is not reached leaves blank lines, and a step is one assignment on its first line.
"""

from __future__ import annotations

import ast
import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence

from wfc.abi import NAME
from wfc.compiler.allowances import exemptions_of
from wfc.compiler.edits import Lines, apply
from wfc.compiler.facts import Definition, Edit, ModuleFacts, ModuleSource
from wfc.compiler.nodes import functions_by_span, is_future_import
from wfc.compiler.scopes import absolute
from wfc.compiler.spans import span_of, whole_span_of
from wfc.compiler.write_step_bundle import blank_directive
from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle, Purpose, Span
from wfc.manifests.code import parse_quietly


def write_workflow_bundle(
    source: ModuleSource, tree: ast.Module, facts: ModuleFacts, reached: Collection[str] = ()
) -> Bundle | None:
    """Write the workflow bundle, or give None if the module holds nothing that a workflow reaches.

    `reached` are names of this module that workflows of other modules reach.
    """
    kept_names = names_reached(facts, reached)
    kept = _kept(tree, facts, kept_names)
    if all(is_future_import(statement) for statement in kept):
        return None
    lines = Lines(source.text)
    regions = [whole_span_of(statement) for statement in tree.body if statement in kept]
    definitions = [d for d in facts.definitions if _is_inside(d.span, regions)]
    steps = sorted(d.span for d in definitions if d.entry.kind == "step")
    edits = [
        *_drops(tree, kept, lines),
        *_import_edits(kept, kept_names, facts, lines),
        *_definition_edits(tree, definitions, lines),
    ]
    text = apply(source.text, edits)
    return Bundle(
        module=source.name,
        purpose=Purpose.WORKFLOW,
        text=text,
        path=source.path,
        source_sha256=source.sha256,
        is_package=source.is_package,
        futures=facts.futures,
        entries=tuple(definition.entry for definition in definitions),
        sites=tuple(
            site
            for site in facts.sites
            if _is_inside(site.span, regions) and not _is_inside(site.span, steps)
        ),
        imports=_imports(parse_quietly(text), source),
        allowed=tuple(
            one
            for one in exemptions_of(source, tree)
            if any(region.line <= one.line <= region.end_line for region in regions)
        ),
    )


def names_reached(facts: ModuleFacts, reached: Collection[str] = ()) -> frozenset[str]:
    """Give the module-level names that the module's workflows, and `reached`, reach in it.

    Annotations of marked functions and of methods are followed, since payload types come from
    them; those of plain helpers are only strings.
    """
    symbols = {symbol.name: symbol for symbol in facts.symbols}
    marked = {d.entry.qualname.partition(".")[0] for d in facts.definitions}
    workflows = {
        d.entry.qualname.partition(".")[0] for d in facts.definitions if d.entry.kind == "workflow"
    }
    found: set[str] = set()
    pending = [name for name in (*workflows, *reached) if name in symbols]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        symbol = symbols[name]
        typed = name in marked or symbol.kind == "class"
        uses = symbol.uses if typed else symbol.uses - symbol.hints
        pending.extend(use for use in uses if use in symbols)
    return frozenset(found)


def _kept(tree: ast.Module, facts: ModuleFacts, kept_names: frozenset[str]) -> frozenset[ast.stmt]:
    """Give the top-level statements that bind a name that is reached."""
    spans = {span for s in facts.symbols if s.name in kept_names for span in s.spans}
    return frozenset(
        statement
        for statement in tree.body
        if is_future_import(statement) or whole_span_of(statement) in spans
    )


def _drops(tree: ast.Module, kept: frozenset[ast.stmt], lines: Lines) -> Iterator[Edit]:
    """Blank what is not kept: whole lines, or statements that share a line with a kept one."""
    free = 1  # the first line that is not settled
    for group in _groups(tree.body):
        first, last = whole_span_of(group[0]).line, group[-1].end_lineno or 0
        if not any(statement in kept for statement in group):
            continue
        if free < first:
            yield Edit(span=lines.whole(free, first - 1), kind="drop", text="")
        free = last + 1
        for statement in group:
            if statement not in kept:
                span = whole_span_of(statement)
                yield Edit(span=span, kind="drop", text=_nothing(span))
    if free <= len(lines):
        yield Edit(span=lines.whole(free, len(lines)), kind="drop", text="")


def _groups(body: Sequence[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Give the statements in groups that share lines."""
    group: list[ast.stmt] = []
    for statement in body:
        if group and whole_span_of(statement).line != group[-1].end_lineno:
            yield group
            group = []
        group.append(statement)
    if group:
        yield group


def _nothing(span: Span) -> str:
    """Give a statement that does nothing and fits: one must stand between two semicolons."""
    if further := span.end_line - span.line:
        return "(" + "\n" * further + ")"
    return "pass" if span.end_column - span.column >= len("pass") else "0"


def _import_edits(
    kept: Iterable[ast.stmt], kept_names: frozenset[str], facts: ModuleFacts, lines: Lines
) -> Iterator[Edit]:
    """Take the names that nothing reaches out of the imports at the top level.

    A star import becomes those of its names that are reached: `__all__` of a shaken module may list
    names that are gone.
    """
    for statement in kept:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or is_future_import(statement):
            continue
        if statement.names[0].name == "*":
            yield from _written_out(statement, kept_names, facts, lines)
            continue
        names = [
            alias
            for alias in statement.names
            if (alias.asname or alias.name.partition(".")[0]) in kept_names
        ]
        if len(names) == len(statement.names):
            continue
        span = whole_span_of(statement)
        further = "\n" * (span.end_line - span.line)
        words = ", ".join(
            alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in names
        )
        if isinstance(statement, ast.Import):
            # Only backslashes make it long; they keep what may stand behind it on its last line.
            text = f"import {words}" + further.replace("\n", " \\\n")
        else:
            origin = "." * statement.level + (statement.module or "")
            text = f"from {origin} import " + (f"({words}{further})" if further else words)
        yield Edit(span=span, kind="import", text=text)


def _written_out(
    statement: ast.Import | ast.ImportFrom,
    kept_names: frozenset[str],
    facts: ModuleFacts,
    lines: Lines,
) -> Iterator[Edit]:
    span = span_of(statement)
    names = sorted(one.name for one in facts.imports if one.span == span and one.scope == "")
    words = ", ".join(name for name in names if name in kept_names and name != "*")
    # What stands behind a semicolon would move: there the star stays, and binds what is left.
    if isinstance(statement, ast.ImportFrom) and words and not lines.is_followed_by_statement(span):
        further = "\n" * (span.end_line - span.line)
        origin = "." * statement.level + (statement.module or "")
        text = f"from {origin} import " + (f"({words}{further})" if further else words)
        yield Edit(span=lines.to_line_end(span), kind="import", text=text)


def _definition_edits(
    tree: ast.Module, definitions: Sequence[Definition], lines: Lines
) -> Iterator[Edit]:
    """Make each step an assignment and take the directives out of workflows."""
    functions = functions_by_span(tree)
    for definition in definitions:
        if definition.entry.kind == "step":
            # Behind a function only a semicolon or a comment may stand.
            whole = lines.to_line_end(definition.span)
            yield Edit(span=whole, kind="step", text=_assignment(definition, lines))
        elif definition.directive_span is not None:
            body = functions[definition.span].body
            yield blank_directive(definition.directive_span, body, lines)


def _assignment(definition: Definition, lines: Lines) -> str:
    """Write what stands for a step: its stub, given to the agents whose tool it is."""
    entry = definition.entry
    name = entry.qualname.rpartition(".")[2]
    captures = ""
    if entry.nested_in is not None:
        # Always given, also if empty: it tells a nested step from a method.
        words = ", ".join(f'"{capture}": {capture}' for capture in definition.captures)
        captures = f", lambda: {{{words}}}"
    stub = f'{NAME}.step("{entry.qualname}"{captures})'
    for decorator in reversed(definition.tool_spans):
        stub = f"{lines.text(decorator)}({stub})"
    return f"{name} = {stub}"


def _is_inside(span: Span, regions: Sequence[Span]) -> bool:
    """Tell whether `span` lies in one of `regions`, which are sorted and do not overlap."""
    start = (span.line, span.column)
    before = bisect.bisect_right(regions, start, key=lambda region: (region.line, region.column))
    if not before:
        return False
    region = regions[before - 1]
    return (span.end_line, span.end_column) <= (region.end_line, region.end_column)


def _imports(tree: ast.Module, source: ModuleSource) -> tuple[str, ...]:
    """Give the modules that the text imports, wherever it does, but for those only for typing."""
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(_absolute(node, source.name, is_package=source.is_package))
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            pending.extend(node.orelse)
        else:
            pending.extend(ast.iter_child_nodes(node))
    return tuple(sorted(found - {"__future__"}))


def _absolute(node: ast.ImportFrom, module: ModuleName, *, is_package: bool) -> str:
    return absolute(node.module or "", node.level, module, is_package=is_package)


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING"
