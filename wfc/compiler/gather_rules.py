"""Judge marked functions by what their names mean: decorators, defaults, receivers, types.

Only what one module can tell is judged here; what needs other modules is the project's matter.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Final

from wfc.compiler.gather_directives import Mark, Marks, decorator_word
from wfc.compiler.gather_names import Names
from wfc.compiler.gather_signatures import (
    NotLiteral,
    is_policy,
    policy_literals,
    receiver_of,
)
from wfc.compiler.scopes import FUNCTIONS, HINT, Function
from wfc.compiler.spans import Located, header_of, place_at, span_of
from wfc.diagnostics import Diagnostic, diagnostic
from wfc.directives import KINDS
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


def judge_names(marks: Marks, names: Names, tree: ast.Module, path: str) -> Iterator[Diagnostic]:
    """Report what the names of a module tell against its marked functions."""
    judge = _Judge(marks, names, path)
    for mark in marks.functions:
        yield from judge.function(mark)
    yield from judge.lambdas()
    yield from judge.reserved()
    yield from judge.stars()
    yield from judge.wrapped(tree)
    yield from judge.computed()


class _Judge:
    def __init__(self, marks: Marks, names: Names, path: str) -> None:
        self.marks = marks
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
                    f"`{_written(decorator)}`; only `@policy` can be kept on a step that is made "
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
                f'`@policy` of "{mark.qualname}" stands below `@{_written(above[0])}`, which '
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
        try:
            policy_literals(decorator, self.names)
        except NotLiteral as fault:
            yield self.at(
                fault.node,
                "WFC116",
                f'`@policy` of "{mark.qualname}" holds `{_written(fault.node)}`, which is '
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
                f'the decorator `@{_written(decorator)}` turns the workflow "{mark.qualname}" '
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
                    f"a default of {what} is `{_written(default)}`, one object that all runs "
                    "would share and could change",
                    "use None and make it in the body.",
                )
            elif not self.is_constant(default):
                yield self.at(
                    default,
                    "WFC119",
                    f"a default of {what} is `{_written(default)}`, which is not constant; "
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
                return pure and all(self.is_constant(part) for part in parts)
            case ast.Name():
                owner = self.names.scope_of(node).owner_of(node.id)
                bindings = owner.bindings[node.id] if owner and owner.kind != "module" else ()
                return all(binding.kind == "import" for binding in bindings)
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

    # --- the module ----------------------------------------------------------------------------

    def lambdas(self) -> Iterator[Diagnostic]:
        for node in self.names.walked.lambdas:
            said = _first_value(node.body)
            directive = said.value if isinstance(said, ast.Constant) else None
            if isinstance(directive, str) and directive in KINDS:
                yield self.at(
                    node,
                    "WFC104",
                    f"a lambda holds `{directive}`, but it has no name that a log could keep",
                    f'write a `def` with the line "{directive}".',
                )

    def reserved(self) -> Iterator[Diagnostic]:
        found: dict[str, ast.AST] = {}
        for scope in self.names.walked.scopes:
            for name, bindings in scope.bindings.items():
                if name.startswith("__wfc"):
                    found.setdefault(name, bindings[0].node)
        for use in self.names.walked.uses:
            if use.name.startswith("__wfc"):
                found.setdefault(use.name, use.node)
        for name, node in found.items():
            yield self.at(
                node,  # type: ignore[arg-type]  # a name, argument, alias or statement: it has a place
                "WFC115",
                f"`{name}` begins with `__wfc`, and such names belong to the code that wfc "
                "generates",
                "rename it.",
            )

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
                        f'`{_written(value)}` wraps "{argument.id}" at module level; the wrapper '
                        "runs in the workflow, unrecorded",
                        f'wrap inside the body of "{argument.id}", or decorate it.',
                    )

    def makes_an_object(self, call: ast.Call) -> bool:
        """Tell whether a call only keeps its argument: `partial`, or a class."""
        word = decorator_word(call)
        return word == "partial" or word[:1].isupper()

    def computed(self) -> Iterator[Diagnostic]:
        if not self.names.walked.computed:
            return
        reached = self.reached_statements()
        for call, top, in_step in self.names.walked.computed:
            base = call.args[0]
            if in_step or top not in reached or not self.is_module(base):
                continue
            yield self.at(
                call,
                "WFC124",
                f"`{_written(call)}` takes a computed name from a module, so nobody can tell what "
                "a replay would call",
                "write the name out, or choose from a dict of functions.",
            )

    def is_module(self, node: ast.expr) -> bool:
        target = self.names.resolve(node)
        return target is not None and any(
            target == module and isinstance(statement, ast.Import)
            for statement, _, _, module, _, _ in self.names.walked.imports
        )

    def reached_statements(self) -> frozenset[int]:
        """Give the top-level statements that the workflows of this module reach."""
        bindings = self.names.walked.module.bindings
        waiting = [
            mark.qualname.partition(".")[0]
            for mark in self.marks.functions
            if mark.kind == "workflow"
        ]
        needs: dict[int, set[str]] = {}
        for use in self.names.walked.uses:
            if not use.in_step:
                needs.setdefault(use.top, set()).add(use.name)
        reached: set[int] = set()
        while waiting:
            for binding in bindings.get(waiting.pop(), ()):
                if binding.top not in reached:
                    reached.add(binding.top)
                    waiting.extend(needs.get(binding.top, ()))
        return frozenset(reached)


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


def _written(node: ast.expr) -> str:
    return ast.unparse(node)
