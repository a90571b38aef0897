"""Judge a module as a whole: lambdas, reserved names, star imports, wrapped and rebound steps."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Mark, Marks, decorator_word
from wfc.compiler.scopes import Binding, Scope
from wfc.compiler.spans import Located, place_at, span_of, written
from wfc.diagnostics import Diagnostic, diagnostic
from wfc.directives import KINDS


def judge_module(marks: Marks, names: Names, tree: ast.Module, path: str) -> Iterator[Diagnostic]:
    """Report what a module says that no marked function says alone."""
    judge = _Judge(marks, names, path)
    yield from judge.stars()
    yield from judge.wrapped(tree)
    yield from judge.rebound()


def judge_lambdas(names: Names, path: str) -> Iterator[Diagnostic]:
    """Report lambdas that are meant as steps: the only fault of a module without marked functions
    that is no near miss.
    """
    for node in names.walked.lambdas:
        said = _first_value(node.body)
        directive = said.value if isinstance(said, ast.Constant) else None
        if isinstance(directive, str) and directive in KINDS:
            yield diagnostic(
                "WFC104",
                place_at(path, span_of(node)),
                f"a lambda holds `{directive}`, but it has no name that a log could keep",
                fix=f'write a `def` with the line "{directive}".',
            )


def judge_reserved(names: Names, path: str) -> Iterator[Diagnostic]:
    """Report names that begin as ours do: a helper without a marked function may be reached too."""
    found: dict[str, ast.AST] = {}
    for scope in names.walked.scopes:
        for name, bindings in scope.bindings.items():
            if name.startswith("__wfc"):
                found.setdefault(name, bindings[0].node)
    for use in names.walked.uses:
        if use.name.startswith("__wfc"):
            found.setdefault(use.name, use.node)
    for name, node in found.items():
        yield diagnostic(
            "WFC115",
            place_at(path, span_of(node)),  # type: ignore[arg-type]  # whatever binds has a place
            f"`{name}` begins with `__wfc`, and such names belong to the code that wfc generates",
            fix="rename it.",
        )


class _Judge:
    def __init__(self, marks: Marks, names: Names, path: str) -> None:
        self.marks = marks
        self.names = names
        self.path = path

    def at(self, node: Located, code: str, sentence: str, fix: str) -> Diagnostic:
        return diagnostic(code, place_at(self.path, span_of(node)), sentence, fix=fix)

    def stars(self) -> Iterator[Diagnostic]:
        for statement, alias, _, module, _, _ in self.names.walked.imports:
            if alias.name == "*" and module.partition(".")[0] in sys.stdlib_module_names:
                yield self.at(
                    statement,
                    "WFC121",
                    f"`from {module} import *` binds names that differ between versions of Python, "
                    "so nobody can tell what a name means",
                    "name what you import.",
                )

    def wrapped(self, tree: ast.Module) -> Iterator[Diagnostic]:
        marked = {mark.qualname for mark in self.marks.functions}
        for statement in tree.body:
            value = getattr(statement, "value", None)
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                continue
            if not isinstance(value, ast.Call) or self.makes_an_object(value):
                continue
            for argument in value.args:
                if isinstance(argument, ast.Name) and argument.id in marked:
                    yield self.at(
                        value,
                        "WFC125",
                        f'`{written(value)}` wraps "{argument.id}" at module level; the wrapper '
                        "runs in the workflow, unrecorded",
                        f'wrap inside the body of "{argument.id}", or decorate it.',
                    )

    def rebound(self) -> Iterator[Diagnostic]:
        """Report what takes a marked name away: it would be registered, or nothing would be."""
        for mark in self.marks.functions:
            scope = self.names.scope_of(mark.node)
            if scope.kind == "function":
                continue  # a nested step is found by its code
            for binding in scope.bindings[mark.node.name]:
                if binding.kind != "function" and self.is_bound_at_import(binding, scope):
                    yield self.taken(mark, binding)
            outermost = mark.qualname.partition(".")[0]
            for binding in self.names.walked.module.bindings[outermost] if mark.owner else ():
                if binding.kind == "del":
                    yield self.taken(mark, binding)

    def is_bound_at_import(self, binding: Binding, scope: Scope) -> bool:
        """Tell whether a binding holds once the module is imported, for whoever imports it."""
        late = scope.kind == "module" and binding.top < 0  # by `global`, in a function
        in_main_block = binding.top in self.names.walked.main_blocks
        return not (late or in_main_block or binding.typing_only)

    def taken(self, mark: Mark, binding: Binding) -> Diagnostic:
        done = "deleted" if binding.kind == "del" else "bound"
        return self.at(
            binding.node,  # type: ignore[arg-type]  # whatever binds a name has a place
            "WFC114",
            f'the name of the {mark.kind} "{mark.qualname}", defined at line {mark.node.lineno}, '
            f"is {done} again here, so its id would stand for something else or for nothing",
            "give one of the two another name.",
        )

    def makes_an_object(self, call: ast.Call) -> bool:
        """Tell whether a call only keeps its argument: `partial`, or a class."""
        word = decorator_word(call)
        return word == "partial" or word[:1].isupper()


def _first_value(node: ast.expr) -> ast.expr:
    """Give what an expression evaluates first: of a tuple, its first part."""
    while True:
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.BoolOp):
            node = node.values[0]
        elif isinstance(node, ast.Tuple | ast.List) and node.elts:
            node = node.elts[0]
        else:
            return node
