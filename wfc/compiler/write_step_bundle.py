"""The step bundle: what `import app.billing` gives. The source, but its workflows refuse to run.

A workflow keeps its header, decorators and docstring; its directive becomes a refusal. What follows
is blank, or stands as written if it holds nested steps, whose code objects are wanted. Behind the
last line stand the registrations.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Final, TypeAlias

from wfc.abi import NAME
from wfc.compiler.edits import Lines, apply
from wfc.compiler.facts import Definition, Edit, ModuleFacts, ModuleSource
from wfc.compiler.nodes import FunctionNode, docstring_of, functions_by_span
from wfc.compiler.scopes import FUNCTIONS
from wfc.compiler.spans import span_of, whole_span_of
from wfc.manifests.bundle import Bundle, Purpose, Span

_NAMED: Final = (*FUNCTIONS, ast.ClassDef)


def write_step_bundle(
    source: ModuleSource, tree: ast.Module, facts: ModuleFacts, main_blocks: Collection[int] = ()
) -> Bundle:
    """Write the step bundle; `main_blocks` are the places in `tree` of ``if __name__ == ...``."""
    lines = Lines(source.text)
    functions = functions_by_span(tree)
    main = next((tree.body[place] for place in sorted(main_blocks)), None)
    early = [d for d in facts.definitions if main is not None and d.span < span_of(main)]
    late = [d for d in facts.definitions if d not in early]
    edits = [*_directives(tree, facts, functions, lines)]
    if early and isinstance(main, ast.If):
        edits.append(_register_before(main, [_registration(d, tree) for d in early]))
    text = apply(source.text, edits)
    text += "".join(f"{_registration(d, tree)}\n" for d in late)
    return Bundle(
        module=source.name,
        purpose=Purpose.STEP,
        text=text,
        path=source.path,
        source_sha256=source.sha256,
        is_package=source.is_package,
        futures=facts.futures,
        entries=tuple(definition.entry for definition in facts.definitions),
    )


def blank_directive(span: Span, block: list[ast.stmt], lines: Lines) -> Edit:
    """Overwrite a directive by spaces, or by `pass` where a statement must stand."""
    needed = len(block) == 1 or lines.is_followed_by_statement(span)
    return Edit(span=span, kind="directive", text="pass" if needed else "")


def _directives(
    tree: ast.Module, facts: ModuleFacts, functions: _Functions, lines: Lines
) -> Iterator[Edit]:
    if facts.directive_span is not None:
        yield blank_directive(facts.directive_span, tree.body, lines)
    with_steps = {definition.entry.nested_in for definition in facts.definitions}
    for definition in facts.definitions:
        function = functions[definition.span]
        if definition.entry.kind == "workflow":
            verbatim = definition.entry.qualname in with_steps
            yield from _refusal(definition, function, lines, verbatim=verbatim)
        elif definition.directive_span is not None:
            yield blank_directive(definition.directive_span, function.body, lines)


def _refusal(
    definition: Definition, function: FunctionNode, lines: Lines, *, verbatim: bool
) -> Iterator[Edit]:
    """Let a workflow refuse first thing after its docstring, and blank the rest of its body."""
    call = f'{NAME}.refuse("{definition.entry.qualname}")'
    directive = definition.directive_span
    docstring = docstring_of(function, directive)
    rest = [s for s in function.body if s is not docstring and span_of(s) != directive]
    if docstring is not None and (directive is None or directive < span_of(docstring)):
        # The docstring must come first, so the refusal shares its last line.
        if directive is not None:
            yield blank_directive(directive, function.body, lines)
        yield _insert(span_of(docstring), f"; {call}")
    elif directive is not None:
        yield Edit(span=directive, kind="refuse", text=call)
    else:
        if not verbatim:
            yield _blank(rest, lines, call)
        return  # a verbatim body has no line to spare: `manifests.refusals` adds the call
    if rest and not verbatim:
        yield _blank(rest, lines)


def _blank(statements: list[ast.stmt], lines: Lines, text: str = "") -> Edit:
    """Replace the statements of a body, and what stands between and beside them, by `text`."""
    first, last = whole_span_of(statements[0]), whole_span_of(statements[-1])
    whole = Span(first.line, first.column, last.end_line, last.end_column)
    return Edit(span=lines.to_line_end(whole), kind="blank", text=text)


def _insert(behind: Span, text: str) -> Edit:
    end = (behind.end_line, behind.end_column)
    return Edit(span=Span(*end, *end), kind="refuse", text=text)


_Functions: TypeAlias = Mapping[Span, FunctionNode]


def _register_before(main: ast.If, registrations: list[str]) -> Edit:
    """Register in the test of ``if __name__ == "__main__"``: its block may start a run."""
    start = (main.test.lineno, main.test.col_offset)
    # `register` gives None, so the test goes on to what was written.
    text = "".join(f"{registration} or " for registration in registrations)
    return Edit(span=Span(*start, *start), kind="register", text=text)


def _registration(definition: Definition, tree: ast.Module) -> str:
    """Register a definition; one in a branch only if it is there: that may not have been taken."""
    entry = definition.entry
    path, conditions, body = "", list[str](), tree.body
    for name, written in _parts(entry.nested_in or entry.qualname):
        inside = [node for node in body if isinstance(node, _NAMED) and node.name == name]
        # One that stands there itself is there, the last of overloads too; in what stands in a
        # branch, or in one of two classes, nothing is certain.
        certain = len(inside) == 1 or (inside and isinstance(inside[-1], FUNCTIONS))
        body = inside[-1].body if certain else []
        if not certain:
            conditions.append(
                f'hasattr({path}, "{written}")' if path else f'"{written}" in globals()'
            )
        path = f"{path}.{written}" if path else written
    call = f'{NAME}.register("{entry.kind}", "{entry.qualname}", {path})'
    return " and ".join([*conditions, call])


def _parts(qualname: str) -> Iterator[tuple[str, str]]:
    """Give each name of a path, and how it is written at module level, where none is mangled."""
    around = ""
    for name in qualname.split("."):
        private = name.startswith("__") and not name.endswith("__") and around.strip("_")
        yield name, f"_{around.lstrip('_')}{name}" if private else name
        around = name
