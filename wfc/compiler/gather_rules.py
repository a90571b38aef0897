"""Judge marked functions by what their names mean: decorators, defaults, receivers, types.

Only what one module can tell is judged here; what needs other modules is the project's matter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.compiler.gather_names import Names
from wfc.compiler.gather_policies import policy_faults
from wfc.compiler.gather_signatures import (
    NotLiteral,
    is_policy,
    policy_literals,
    receiver_of,
)
from wfc.compiler.marks import Mark, Marks, decorator_word
from wfc.compiler.scopes import FUNCTIONS, HINT, Function
from wfc.compiler.spans import Located, header_of, place_at, span_of, written
from wfc.diagnostics import Diagnostic, diagnostic
from wfc.manifests.bundle import Receiver

_METHODS: Final = frozenset({"staticmethod", "classmethod"})
_RECORDING_DECORATORS: Final = ("dataclasses.", "attr.", "attrs.", "pydantic.", "msgspec.")
_PLAIN_BASES: Final = frozenset(
    {
        "builtins.object",
        "abc.ABC",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
    }
)
_HIDING: Final = {
    "functools.cache": "a cache, which is no coroutine function",
    "functools.lru_cache": "a cache, which is no coroutine function",
    "functools.singledispatch": "a dispatcher",
    "functools.partial": "a partial",
    "contextlib.contextmanager": "a context manager",
    "contextlib.asynccontextmanager": "a context manager",
    "atexit.register": "a callback of the process",
}
_MUTABLE: Final = frozenset(
    f"{module}{name}"
    for module, names in (
        ("builtins.", ("list", "dict", "set", "bytearray")),
        ("collections.", ("deque", "defaultdict", "OrderedDict", "Counter", "ChainMap")),
    )
    for name in names
)
_CONSTANT_CALLS: Final = frozenset(
    f"{module}{name}"
    for module, names in (
        ("builtins.", ("frozenset", "tuple", "int", "float", "str", "bytes", "complex", "range")),
        ("datetime.", ("timedelta", "datetime", "date", "time", "timezone")),
        ("decimal.", ("Decimal",)),
        ("fractions.", ("Fraction",)),
        ("uuid.", ("UUID",)),
        ("pathlib.", ("PurePath", "PurePosixPath", "PureWindowsPath")),
    )
    for name in names
)


def judge_marks(marks: Marks, names: Names, path: str) -> Iterator[Diagnostic]:
    """Report what names tell against the marked functions of a module."""
    judge = _Judge(names, path)
    for mark in marks.functions:
        yield from judge.function(mark)


class _Judge:
    def __init__(self, names: Names, path: str) -> None:
        self.names = names
        self.path = path
        self.classes = {
            f"{names.module}.{scope.qualname}": scope.node
            for scope in names.walked.scopes
            if isinstance(scope.node, ast.ClassDef) and scope.kind == "class"
        }
        self.functions = {
            f"{names.module}.{scope.qualname}": scope.node
            for scope in names.walked.scopes
            if isinstance(scope.node, FUNCTIONS) and scope.kind == "function"
        }

    def at(self, node: Located, code: str, sentence: str, fix: str) -> Diagnostic:
        return diagnostic(code, place_at(self.path, span_of(node)), sentence, fix=fix)

    # --- one function --------------------------------------------------------------------------

    def function(self, mark: Mark) -> Iterator[Diagnostic]:
        yield from self.receiver(mark)
        yield from self.decorators(mark)
        if mark.kind == "workflow" or mark.workflow is not None:
            yield from self.defaults(mark)
        yield from self.typing_only(mark)

    def receiver(self, mark: Mark) -> Iterator[Diagnostic]:
        if mark.owner is None or receiver_of(mark) is not Receiver.SELF:
            return
        if not self.is_recordable(mark.owner, 0):
            yield diagnostic(
                "WFC107",
                place_at(self.path, header_of(mark.node)),
                f'the step "{mark.qualname}" takes `self`, but an instance of '
                f'"{mark.owner.name}" cannot be recorded',
                fix=f'make "{mark.owner.name}" a pydantic model or a dataclass; or make the step a '
                "`@staticmethod` that takes the values it needs.",
            )

    def is_recordable(self, owner: ast.ClassDef, depth: int) -> bool:
        """Tell whether instances may be recorded; a class with a base unknown here may be."""
        if owner.decorator_list or owner.keywords or depth > len(self.classes):
            return True
        for base in owner.bases:
            target = self.names.resolve(base.value if isinstance(base, ast.Subscript) else base)
            if target in _PLAIN_BASES:
                continue
            known = self.classes.get(target or "")
            if not isinstance(known, ast.ClassDef) or self.is_recordable(known, depth + 1):
                return True
        return False

    def decorators(self, mark: Mark) -> Iterator[Diagnostic]:
        for index, decorator in enumerate(mark.node.decorator_list):
            if is_policy(decorator, self.names):
                yield from self.policy(mark, decorator, index)
            elif mark.workflow is not None:
                yield self.at(
                    decorator,
                    "WFC117",
                    f'the nested step "{mark.qualname}" has the decorator '
                    f"`{written(decorator)}`; only `@policy` can be kept on a step that is made "
                    "anew in each run",
                    "move the step to module level, where decorators are kept.",
                )
            elif mark.kind == "workflow":
                yield from self.hiding(mark, decorator)

    def policy(self, mark: Mark, decorator: ast.expr, index: int) -> Iterator[Diagnostic]:
        above = [
            other
            for other in mark.node.decorator_list[:index]
            if decorator_word(other) not in _METHODS
        ]
        if above:
            yield self.at(
                decorator,
                "WFC116",
                f'`@policy` of "{mark.qualname}" stands below `@{written(above[0])}`, which '
                "would be retried without it",
                "move `@policy` to the top of the decorators.",
            )
        if not isinstance(decorator, ast.Call):
            yield self.at(
                decorator,
                "WFC116",
                f'`@policy` of "{mark.qualname}" is not called, so it says nothing',
                "call it with what it should say: `@policy(attempts=5)`.",
            )
            return
        for node, why in policy_faults(decorator, self.names, mark.node, mark.qualname, mark.kind):
            fix = "correct it: this is raised when the module is imported."
            yield self.at(node, "WFC358", why, fix)
        try:
            policy_literals(decorator, self.names)
        except NotLiteral as fault:
            yield self.at(
                fault.node,
                "WFC116",
                f'`@policy` of "{mark.qualname}" holds `{written(fault.node)}`, which is '
                "not written out; a policy is part of the build, which evaluates nothing",
                'name the keyword and write its value, such as `attempts=5` or `timeout="30s"`.',
            )

    def hiding(self, mark: Mark, decorator: ast.expr) -> Iterator[Diagnostic]:
        called = isinstance(decorator, ast.Call)
        target = self.names.resolve(
            decorator.func if isinstance(decorator, ast.Call) else decorator
        )
        what = _HIDING.get(target or "")
        own = self.functions.get(target or "")
        if what is None and target in self.classes:
            what = f'an instance of "{self.classes[target].name}"'
        if what is None and isinstance(own, FUNCTIONS):
            what = _hides(own, levels=2 if called else 1)
        if what is not None:
            yield self.at(
                decorator,
                "WFC118",
                f'the decorator `@{written(decorator)}` turns the workflow "{mark.qualname}" '
                f"into {what}, which cannot be started",
                "remove it, or let it return the coroutine function itself.",
            )

    def defaults(self, mark: Mark) -> Iterator[Diagnostic]:
        what = f'the {mark.kind} "{mark.qualname}"'
        arguments = mark.node.args
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is None:
                continue
            if self.is_mutable(default):
                yield self.at(
                    default,
                    "WFC330",
                    f"a default of {what} is `{written(default)}`, one object that all runs "
                    "would share and could change",
                    "use None and make it in the body.",
                )
            elif not self.is_constant(default):
                yield self.at(
                    default,
                    "WFC119",
                    f"a default of {what} is `{written(default)}`, which is not constant; "
                    "a replay could see another value",
                    "use None and compute it in the body.",
                )

    def is_mutable(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return self.names.resolve(node.func) in _MUTABLE
        return isinstance(
            node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
        )

    def is_constant(self, node: ast.expr) -> bool:
        """Tell whether a default is a literal, a member of an enum or a constant of the module."""
        match node:
            case ast.Call():
                parts = [*node.args, *(word.value for word in node.keywords)]
                pure = self.names.resolve(node.func) in _CONSTANT_CALLS
                return pure and all(self.is_constant(part) for part in (node.func, *parts))
            case ast.Name():
                # What a function binds, an import too, is unknown where a nested step is made anew.
                owner = self.names.scope_of(node).owner_of(node.id)
                return owner is None or owner.kind == "module"
            case ast.Attribute(value=inner) | ast.UnaryOp(operand=inner):
                return self.is_constant(inner)
            case ast.BinOp(left=left, right=right):
                return self.is_constant(left) and self.is_constant(right)
            case ast.Tuple(elts=parts):
                return all(self.is_constant(part) for part in parts)
            case _:
                return isinstance(node, ast.Constant)

    def typing_only(self, mark: Mark) -> Iterator[Diagnostic]:
        spans = [span_of(node) for node in _annotations(mark.node)]
        for use in self.names.walked.uses:
            if use.hint != HINT:
                continue
            owner = use.scope.owner_of(use.name)
            if owner is None or not all(b.typing_only for b in owner.bindings[use.name]):
                continue
            place = span_of(use.node)
            if any(span.line <= place.line <= span.end_line and span <= place for span in spans):
                yield self.at(
                    use.node,
                    "WFC120",
                    f'the {mark.kind} "{mark.qualname}" records a `{use.name}`, which is imported '
                    "for type checkers only, so values come back as plain data",
                    f"import `{use.name}` at run time too.",
                )


def _annotations(node: Function) -> Iterator[ast.expr]:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in (*named, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def _hides(decorator: Function, levels: int) -> str | None:
    """Tell what a decorator of this module returns, if that is certainly no coroutine function.

    `levels` is 2 for one that is called first: then the function it returns is the decorator.
    """
    inner = {node.name: node for node in decorator.body if isinstance(node, FUNCTIONS)}
    returned = [node.value for node in decorator.body if isinstance(node, ast.Return)]
    if not returned or not isinstance(returned[-1], ast.Name):
        return None
    found = inner.get(returned[-1].id)
    if found is None:
        return None
    if levels > 1:
        return _hides(found, levels - 1)
    return "a plain function" if isinstance(found, ast.FunctionDef) else None
