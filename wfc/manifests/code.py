"""From a bundle's text to code objects, for the import hook and for workers that load old versions.

Byte code is only a cache of this: the text and the running Python decide.
"""

from __future__ import annotations
import __future__

import ast
import types
import warnings

from wfc.errors import NoColumns
from wfc.manifests.bundle import Bundle, Purpose
from wfc.manifests.guards import insert_guards
from wfc.manifests.refusals import insert_refusals


def code_of(bundle: Bundle, filename: str) -> tuple[types.CodeType, ...]:
    """Make the code of a workflow bundle, one object for each top-level statement.

    The sandbox executes them in order, so it can skip a statement or say which one went wrong.
    Function annotations are strings, and the guards are in.
    """
    if bundle.purpose is Purpose.STEP:
        return (module_code(bundle, filename),)
    need_columns(bundle.path)
    tree = insert_guards(_annotations_as_text(ast.parse(bundle.text, filename), bundle))
    return tuple(
        _compiled(ast.Module(body=[statement], type_ignores=[]), bundle, filename)
        for place, statement in enumerate(tree.body)
        # A text alone would become the module's docstring.
        if place == 0 or not _is_text(statement)
    )


def module_code(bundle: Bundle, filename: str) -> types.CodeType:
    """Make the code of a step bundle: one module, as written, whose workflows all refuse."""
    tree = insert_refusals(ast.parse(bundle.text, filename), bundle)
    return _compiled(tree, bundle, filename)


def parse_quietly(text: str) -> ast.Module:
    """Parse without the warnings that compiling the text will give, once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _compiled(tree: ast.Module, bundle: Bundle, filename: str) -> types.CodeType:
    flags = 0
    for name in bundle.futures:
        flags |= getattr(__future__, name).compiler_flag
    # `dont_inherit`: this module's own `from __future__` must not reach the user's code.
    code = compile(tree, filename, "exec", flags=flags, dont_inherit=True)
    assert isinstance(code, types.CodeType)
    return code


def _annotations_as_text(tree: ast.Module, bundle: Bundle) -> ast.Module:
    """Make function annotations string constants, at their place; class bodies keep theirs.

    Workflow code need not be able to evaluate them, and their text does not differ between Pythons.
    """
    if "annotations" in bundle.futures:
        return tree  # Python itself does the same, and would quote ours twice
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = _as_text(node.returns)
            every = node.args
            for argument in (*every.posonlyargs, *every.args, *every.kwonlyargs):
                argument.annotation = _as_text(argument.annotation)
            for argument in filter(None, (every.vararg, every.kwarg)):
                argument.annotation = _as_text(argument.annotation)
    return tree


def _as_text(annotation: ast.expr | None) -> ast.expr | None:
    if annotation is None or _is_constant_text(annotation):
        return annotation
    return ast.copy_location(ast.Constant(ast.unparse(annotation)), annotation)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and _is_constant_text(statement.value)


def _is_constant_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def need_columns(where: str) -> None:
    """Refuse to work where the interpreter keeps no columns: sites could not be told apart.

    Raises `NoColumns`, which says `where` they were wanted.
    """
    if not code_has_columns():
        raise NoColumns(
            f"{where}: this Python runs without column data, so call sites of workflow code "
            "cannot be told apart and no history could be replayed.\n"
            "Start it without `-X no_debug_ranges` and without PYTHONNODEBUGRANGES."
        )


def code_has_columns() -> bool:
    """Tell whether code objects made in this process carry columns."""
    code = compile("x", "<columns>", "eval", dont_inherit=True)
    return any(column is not None for _, _, column, _ in code.co_positions())
