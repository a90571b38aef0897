"""The ways in which a handler that has caught a cancellation may end, and which pass it on.

Only what is certain counts as a loss. A test that asks about the error itself is given the benefit
of the doubt, and so is a `raise` of something whose class is not known.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from wfc.lint_rules.classes import Known, bases_of, class_named
from wfc.lint_rules.module import Module

CANCELLATIONS: Final = frozenset(
    {"builtins.BaseException", "asyncio.CancelledError", "asyncio.exceptions.CancelledError"}
    | {"concurrent.futures.CancelledError"}
)
"""What catches a cancellation of a run, and what passes it on if it is raised."""
_DEPTH_MAX: Final = 10
_OWN_ERRORS: Final = ("wfc.errors.", "wfc.FatalError", "wfc.RetryableError")


class Way(StrEnum):
    """How statements may end."""

    PASSES = "the cancellation is raised again"
    REPLACES = "another error is raised in its place"
    LEAVES = "the handler is left by return, break or continue"
    BREAKS = "a loop is left, or goes on"
    GOES_ON = "what follows runs"


Ways: TypeAlias = frozenset[Way]
_ON: Final[Ways] = frozenset({Way.GOES_ON})
_LOST: Final = frozenset({Way.REPLACES, Way.LEAVES, Way.BREAKS})


def caught(module: Module, kind: ast.expr | None) -> bool:
    """Tell whether `except kind` catches a cancellation; without a kind it does."""
    types = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return kind is None or any(
        (found := module.resolve(one)) is not None and found.exact and found.name in CANCELLATIONS
        for one in types
        if one is not None
    )


def suppressed(module: Module, block: ast.With | ast.AsyncWith) -> ast.Call | None:
    """Give the `contextlib.suppress` of a `with` that takes in a cancellation."""
    for call in (item.context_expr for item in block.items):
        if not isinstance(call, ast.Call) or not any(caught(module, one) for one in call.args):
            continue
        found = module.resolve(call.func)
        if found is not None and found.exact and found.name == "contextlib.suppress":
            return call
    return None


def ways_of(module: Module, handler: ast.ExceptHandler) -> Ways:
    """Give the ways in which a handler may end that has caught a cancellation."""
    return _Handler(module, handler.name).after(handler.body)


class _Handler:
    def __init__(self, module: Module, name: str | None) -> None:
        self.module = module
        self.name = name

    def after(self, body: Sequence[ast.stmt]) -> Ways:
        """Give the ways in which statements may end, one after the other."""
        ways: Ways = frozenset()
        for statement in body:
            here = self.of(statement)
            ways |= here - _ON
            if Way.GOES_ON not in here:
                return ways
        return ways | _ON

    def of(self, statement: ast.stmt) -> Ways:  # noqa: PLR0911 - a way a statement
        match statement:
            case ast.Raise(exc=error):
                return frozenset({self.raised(error)})
            case ast.Return():
                return frozenset({Way.LEAVES})
            case ast.Break() | ast.Continue():
                return frozenset({Way.BREAKS})
            case ast.If():
                return self.branches(statement)
            case ast.Match(subject=subject, cases=cases):
                listed = [self.after(one.body) for one in cases]
                whole = any(
                    isinstance(one.pattern, ast.MatchAs)
                    and one.pattern.pattern is None
                    and one.guard is None
                    for one in cases
                )
                return self.either(subject, [*listed, *([] if whole else [_ON])])
            case ast.For() | ast.AsyncFor() | ast.While():
                return self.loop(statement)
            case ast.With() | ast.AsyncWith():
                ways = self.after(statement.body)
                held = Way.PASSES in ways and suppressed(self.module, statement) is not None
                return (ways - {Way.PASSES}) | _ON if held else ways
            case ast.Try() | ast.TryStar():
                return self.tried(statement)
        return _ON

    def raised(self, error: ast.expr | None) -> Way:
        """Tell whether a `raise` may pass on what was caught."""
        made = error.func if isinstance(error, ast.Call) else error
        if made is None or (isinstance(made, ast.Name) and made.id == self.name):
            return Way.PASSES
        return Way.REPLACES if _is_ordinary(self.module, made) else Way.PASSES

    def branches(self, statement: ast.If) -> Ways:
        taken = self.taken(statement.test)
        then, otherwise = self.after(statement.body), self.after(statement.orelse)
        if taken is None:
            return self.either(statement.test, [then, otherwise])
        return then if taken else otherwise

    def taken(self, test: ast.expr) -> bool | None:
        """Tell which branch a cancellation takes, if the test asks for its class."""
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                taken = self.taken(inner)
                return None if taken is None else not taken
            case ast.Call(func=function, args=[ast.Name(id=name), kind]) if name == self.name:
                found = self.module.resolve(function)
                if found is None or found.name != "builtins.isinstance":
                    return None
                if caught(self.module, kind):
                    return True
                types = kind.elts if isinstance(kind, ast.Tuple) else [kind]
                return False if all(_is_ordinary(self.module, one) for one in types) else None
        return None

    def either(self, asked: ast.expr, options: Sequence[Ways]) -> Ways:
        """Join branches; of those that a question about the error chooses from, take the best."""
        if self.is_about_error(asked):
            passing = next((one for one in options if one == {Way.PASSES}), None)
            harmless = next((one for one in options if not one & _LOST), None)
            if passing is not None or harmless is not None:
                return passing or harmless or frozenset()
        return frozenset().union(*options)

    def is_about_error(self, asked: ast.expr) -> bool:
        words = {getattr(node, "attr", getattr(node, "id", "")).lower() for node in ast.walk(asked)}
        return (self.name or "").lower() in words - {""} or any(
            "cancel" in word or word == "exc_info" for word in words
        )

    def loop(self, loop: ast.For | ast.AsyncFor | ast.While) -> Ways:
        ways = self.after(loop.body)
        endless = (
            isinstance(loop, ast.While)
            and isinstance(loop.test, ast.Constant)
            and bool(loop.test.value)
            and Way.BREAKS not in ways
        )
        inside = ways - {Way.BREAKS, Way.GOES_ON}
        return inside if endless else inside | self.after(loop.orelse) | _ON

    def tried(self, block: ast.Try | ast.TryStar) -> Ways:
        ways = self.after([*block.body, *block.orelse])
        for handler in block.handlers:
            # A `raise` of the body comes here; so may any error of what the body calls.
            if caught(self.module, handler.type):
                ways -= {Way.PASSES}
            ways |= self.after(handler.body)
        last = self.after(block.finalbody)
        return last if Way.GOES_ON not in last else ways | (last - _ON)


def _is_ordinary(module: Module, node: ast.expr) -> bool:
    """Tell whether a class is certainly an `Exception`, which no cancellation is."""
    found = module.resolve(node)
    if found is None or not found.exact:
        return False
    known = class_named(module, found.name)
    return _is_exception(module, known or found.name)


def _is_exception(module: Module, known: Known | str, depth: int = 0) -> bool:
    if isinstance(known, str):
        plain = getattr(builtins, known.removeprefix("builtins."), None)
        is_plain = isinstance(plain, type) and issubclass(plain, Exception)
        return is_plain or known.startswith(_OWN_ERRORS)
    bases: Iterable[Known | str] = bases_of(module, known) if depth < _DEPTH_MAX else ()
    listed = list(bases)
    return len(listed) == len(known.node.bases) > 0 and all(
        _is_exception(module, one, depth + 1) for one in listed
    )
