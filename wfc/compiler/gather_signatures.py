"""Gather signatures: how each marked function is called, and the literals of its `@policy`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Mark, decorator_word
from wfc.compiler.spans import span_of
from wfc.ids import DefinitionId
from wfc.manifests.bundle import Entry, Parameter, Receiver, Signature

POLICIES: Final = frozenset({"wfc.policy", "wfc.policies.policy"})
BACKOFFS: Final = frozenset({"wfc.Backoff", "wfc.policies.Backoff"})
CODE: Final = frozenset({"retry_on", "give_up_on"})
"""Keywords of `@policy` that hold code: they stay with the function and are never recorded."""
_BACKOFF_ORDER: Final = ("initial", "factor", "maximum", "jitter")


class NotLiteral(Exception):
    """The expression is not written out; `node` is the part that is not."""

    def __init__(self, node: ast.expr) -> None:
        """Keep the part."""
        super().__init__(node)
        self.node = node


def entry_of(mark: Mark, names: Names, captures: tuple[str, ...] = ()) -> Entry:
    """Describe a marked function."""
    return Entry(
        id=DefinitionId(f"{names.module}:{mark.qualname}"),
        qualname=mark.qualname,
        kind=mark.kind,
        is_async=isinstance(mark.node, ast.AsyncFunctionDef),
        docstring=mark.docstring,
        signature=signature_of(mark.node, captures, nested=mark.workflow is not None),
        span=span_of(mark.node),
        receiver=receiver_of(mark),
        nested_in=mark.workflow,
        policy=recorded_policy(mark, names),
    )


def signature_of(
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    captures: tuple[str, ...] = (),
    *,
    nested: bool = False,
) -> Signature:
    """Read a signature off its source: annotations as text, literal defaults as text.

    Of a `nested` step every default is kept: its function is made anew for each attempt.
    """
    return Signature(
        parameters=tuple(_parameters(node.args, ast.unparse if nested else _literal_text)),
        returns=annotation_text(node.returns),
        captures=captures,
    )


def annotation_text(node: ast.expr | None) -> str | None:
    """Give an annotation as one line of source, without the quotes of a string annotation."""
    if node is None:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip()
    return ast.unparse(node)


def receiver_of(mark: Mark) -> Receiver:
    """Tell what a method takes first."""
    if mark.owner is None:
        return Receiver.NONE
    words = {decorator_word(decorator) for decorator in mark.node.decorator_list}
    if "staticmethod" in words:
        return Receiver.NONE
    return Receiver.CLASS if "classmethod" in words else Receiver.SELF


def is_policy(decorator: ast.expr, names: Names) -> bool:
    """Tell whether a decorator is `@policy`, called or not, under whatever name."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return names.resolve(called) in POLICIES


def policy_literals(call: ast.Call, names: Names) -> dict[str, Any]:
    """Give the keywords of `@policy(...)` as values. Raises `NotLiteral`."""
    for positional in call.args:
        raise NotLiteral(positional)
    values: dict[str, Any] = {}
    for word in call.keywords:
        if word.arg is None:
            raise NotLiteral(word.value)
        if word.arg in CODE:
            continue
        values[word.arg] = _policy_value(word.value, names)
    return values


def recorded_policy(mark: Mark, names: Names) -> Mapping[str, Any]:
    """Give the literals of the `@policy` of a function; nothing if it has none, or a wrong one."""
    for decorator in mark.node.decorator_list:
        if isinstance(decorator, ast.Call) and is_policy(decorator, names):
            try:
                return policy_literals(decorator, names)
            except NotLiteral:
                return {}  # `gather_rules` reports it.
    return {}


def literal(node: ast.expr) -> Any:
    """Give the value of an expression that is written out. Raises `NotLiteral`."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise NotLiteral(node) from None


def _policy_value(node: ast.expr, names: Names) -> Any:
    if not isinstance(node, ast.Call) or names.resolve(node.func) not in BACKOFFS:
        return literal(node)
    values = {}
    if len(node.args) > len(_BACKOFF_ORDER):
        raise NotLiteral(node)
    for word, positional in zip(_BACKOFF_ORDER, node.args, strict=False):
        values[word] = literal(positional)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise NotLiteral(keyword.value)
        values[keyword.arg] = literal(keyword.value)
    return values


def _parameters(
    arguments: ast.arguments, text_of: Callable[[ast.expr], str]
) -> Iterator[Parameter]:
    def parameter(argument: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
        return Parameter(
            name=argument.arg,
            kind=kind,
            annotation=annotation_text(argument.annotation),
            default=None if default is None else text_of(default),
        )

    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        only = index < len(arguments.posonlyargs)
        default = arguments.defaults[index - missing] if index >= missing else None
        kind = "POSITIONAL_ONLY" if only else "POSITIONAL_OR_KEYWORD"
        yield parameter(argument, kind, default)
    if arguments.vararg is not None:
        yield parameter(arguments.vararg, "VAR_POSITIONAL", None)
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield parameter(argument, "KEYWORD_ONLY", given)
    if arguments.kwarg is not None:
        yield parameter(arguments.kwarg, "VAR_KEYWORD", None)


def _literal_text(node: ast.expr) -> str:
    try:
        literal(node)
    except NotLiteral:
        return "..."
    return ast.unparse(node)
