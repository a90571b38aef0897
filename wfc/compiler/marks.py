"""Marked functions: what their place says of them, and what forbids to mark them.

All of this is decided by the tree alone; what needs names is judged in `gather_rules`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wfc.compiler.scopes import FUNCTIONS, Function
from wfc.compiler.spans import header_of, place_at, span_of
from wfc.diagnostics import Diagnostic, diagnostic
from wfc.manifests.bundle import Span

_UNMARKABLE: Final = {
    "property": "a property",
    "cached_property": "a property",
    "setter": "a property",
    "getter": "a property",
    "deleter": "a property",
    "overload": "an overload",
    "abstractmethod": "an abstract method",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A function that may be a step or a workflow, and what its place says of it."""

    node: Function
    kind: str  # "step" or "workflow"
    qualname: str  # without <locals>
    docstring: str | None
    directive: ast.Expr | None  # None: marked by the module's directive
    owner: ast.ClassDef | None = None  # the class whose body it stands in
    workflow: str | None = None  # qualname of the workflow it is nested in


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """All marks of a module, in source order, and what is wrong with its directives."""

    functions: tuple[Mark, ...] = ()
    directive: ast.Expr | None = None  # the module's own
    findings: tuple[Diagnostic, ...] = ()


def decorator_word(decorator: ast.expr) -> str:
    """Give the last word of a decorator's name: ``abstractmethod`` of ``@abc.abstractmethod``."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    word = getattr(decorator, "attr", None) or getattr(decorator, "id", "")
    return str(word)


def own_nodes(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Give the nodes of a body but those of the functions and classes defined in it."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def fault_of(
    mark: Mark, path: str, words: Collection[str], *, in_function: bool
) -> Diagnostic | None:
    """Give what forbids that this function is marked, the nearest cause first."""
    node, name = mark.node, mark.qualname
    if mark.owner is not None and in_function:
        return _at(
            path,
            header_of(node),
            "WFC109",
            f'the {mark.kind} "{name}" is a method of a class inside a function, '
            "so nobody could find it again",
            "move the class to module level.",
        )
    if mark.owner is None and in_function and mark.kind == "workflow":
        return _at(
            path,
            header_of(node),
            "WFC106",
            f'the workflow "{name}" is nested in a function; a run must find it by name '
            "in another process",
            f'move "{node.name}" to module level and pass what it needs as arguments.',
        )
    if mark.owner is None and in_function and mark.workflow is None:
        return _at(
            path,
            header_of(node),
            "WFC105",
            f'the step "{name}" is nested in a function that is no workflow; an attempt in '
            "another process could not find it",
            f'move "{node.name}" to module level, or into the workflow that calls it.',
        )
    return _unmarkable(mark, path, words) or _form(mark, path)


def _unmarkable(mark: Mark, path: str, words: Collection[str]) -> Diagnostic | None:
    node = mark.node
    what = next((_UNMARKABLE[word] for word in sorted(words) if word in _UNMARKABLE), None)
    if what is None and node.name.startswith("__") and node.name.endswith("__"):
        what = "a name that Python itself calls"
    if what is None and mark.owner is not None and mark.kind == "workflow":
        if "classmethod" in words:
            what = "a class method"
        elif "staticmethod" not in words:
            what = "an instance method"
    if what is None:
        return None
    return _at(
        path,
        header_of(node),
        "WFC108",
        f'"{mark.qualname}" is {what}, which cannot be a {mark.kind}',
        f"write a plain function with the directive and call it from `{node.name}`"
        + ("." if mark.kind == "step" else ", or make it a `@staticmethod`."),
    )


def _form(mark: Mark, path: str) -> Diagnostic | None:
    node, name = mark.node, mark.qualname
    if mark.kind == "workflow" and isinstance(node, ast.FunctionDef):
        return _at(
            path,
            header_of(node),
            "WFC102",
            f'the workflow "{name}" is a plain `def`; it awaits its steps, so it must be '
            "a coroutine function",
            f"write `async def {node.name}`.",
        )
    for inner in own_nodes(node.body):
        if isinstance(inner, ast.Yield | ast.YieldFrom):
            return _at(
                path,
                span_of(inner),
                "WFC103",
                f'the {mark.kind} "{name}" yields, but it must end with one result that can '
                "be recorded",
                "return a list; or write the parts to `get_writable()`, which readers can follow.",
            )
    return None


def _at(path: str, span: Span, code: str, sentence: str, fix: str) -> Diagnostic:
    return diagnostic(code, place_at(path, span), sentence, fix=fix)
