"""Edits that mean nothing keep the fingerprint of whatever program they are done to."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.grammar import PROGRAMS, Program, Style, written
from wfc.compiler.facts import ModuleSource
from wfc.compiler.gather import gather
from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.fingerprint import Library, Unit, fingerprint

_MARKS: Final = {"use step", "use workflow"}
_LOCALS: Final = ("alpha", "beta", "gamma", "x")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def fingerprint_of(text: str, workflow: str) -> str:
    """Give the fingerprint of a workflow of a module alone, as the compiler finds it."""
    name = ModuleName("case")
    source = ModuleSource(name=name, path="case.py", filename="case.py", text=text, sha256="")
    entries = {one.entry.id: one.entry for one in gather(source).definitions}
    units = {"case": Unit("case", ast.parse(text))}
    return fingerprint(DefinitionId(f"case:{workflow}"), Library(units.get, entries))


def local_names(tree: ast.Module) -> None:
    """Call the locals of workflows otherwise; what a nested step captures is no mere local."""
    for function in tree.body:
        if isinstance(function, _FUNCTIONS) and function.name.startswith("flow"):
            captured = {
                node.id
                for inner in ast.walk(function)
                if isinstance(inner, _FUNCTIONS) and inner is not function
                for node in ast.walk(inner)
                if isinstance(node, ast.Name)
            }
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and node.id in _LOCALS and node.id not in captured:
                    node.id = f"{node.id}_again"


class _Annotated(ast.NodeTransformer):
    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            return ast.AnnAssign(node.targets[0], ast.Name("int", ast.Load()), node.value, simple=1)
        return node


def annotations_of_locals(tree: ast.Module) -> None:
    for function in tree.body:
        if isinstance(function, _FUNCTIONS):
            _Annotated().visit(function)


def docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and not ast.get_docstring(node):
            node.body.insert(0, ast.Expr(ast.Constant("A docstring.")))
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) in _MARKS:
            node.body.insert(0, ast.Expr(ast.Constant("Another docstring.")))


def arguments_by_name(tree: ast.Module) -> None:
    names = {"charge": "value", "refund": "value", "sleep": "duration"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = names.get(node.func.id)
            if name is not None and len(node.args) == 1:
                node.keywords, node.args = [ast.keyword(name, node.args[0])], []


def imports_spelled_otherwise(tree: ast.Module) -> None:
    tree.body.insert(2, ast.Import([ast.alias("wfc", "house")]))
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.Name) and value.id == "sleep":
                setattr(
                    node, name, ast.Attribute(ast.Name("house", ast.Load()), "sleep", ast.Load())
                )


def quoted_annotations(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            node.annotation = ast.Constant(ast.unparse(node.annotation))


def bodies_of_steps(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and "use step" in ast.unparse(node).split("\n")[1]:
            node.body.append(ast.parse("print('more')").body[0])


def code_that_nobody_reaches(tree: ast.Module) -> None:
    tree.body += ast.parse("def nobody(a):\n    return a\nNOTHING = 1").body


EDITS: Final[list[Callable[[ast.Module], None]]] = [
    local_names,
    annotations_of_locals,
    docstrings,
    arguments_by_name,
    imports_spelled_otherwise,
    quoted_annotations,
    bodies_of_steps,
    code_that_nobody_reaches,
]


@settings(max_examples=60, deadline=None)
@given(PROGRAMS, st.permutations(EDITS), st.integers(1, len(EDITS)))
def test_what_means_nothing_keeps_the_fingerprint(
    program: Program, edits: list[Callable[[ast.Module], None]], count: int
) -> None:
    """Any of these edits, in any order, and the layout of `ast.unparse`."""
    text = written(program, Style())
    tree = ast.parse(text)
    for edit in edits[:count]:
        edit(tree)
    edited = ast.unparse(ast.fix_missing_locations(tree))
    # A directive that comes first looks like a docstring to `unparse`.
    edited = re.sub(r'"""(use \w+)"""', r'"\1"', edited)
    for name, _ in program.workflows:
        assert fingerprint_of(edited, name) == fingerprint_of(text, name)


@settings(max_examples=40, deadline=None)
@given(PROGRAMS, st.integers(0, 2**16))
def test_a_way_of_writing_keeps_the_fingerprint(program: Program, seed: int) -> None:
    """Comments, blank lines, line breaks, indentation, quotes."""
    style = Style(seed, wraps=False)
    style.names = Style().names
    for name, _ in program.workflows:
        assert fingerprint_of(written(program, style), name) == fingerprint_of(
            written(program, Style()), name
        )


@settings(max_examples=20, deadline=None)
@given(PROGRAMS)
def test_what_means_something_changes_it(program: Program) -> None:
    """A call more, a helper changed, a constant changed."""
    text = written(program, Style())
    more = text.replace("    return alpha,", "    await charge(7)\n    return alpha,")
    for name, _ in program.workflows:
        assert fingerprint_of(more, name) != fingerprint_of(text, name)
