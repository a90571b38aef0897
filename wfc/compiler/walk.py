"""What every walk of a module does: open scopes, bind names, note uses, go down."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

from wfc.compiler.scopes import RUN_TIME, Binding, Scope, Walked
from wfc.ids import ModuleName

_LEAF_FIELDS: Final = frozenset(
    {"ctx", "op", "ops", "type_comment", "type_ignores", "kind", "id", "attr", "arg", "name"}
    | {"rest", "asname", "module", "names", "level", "simple", "is_async", "conversion"}
    | {"kwd_attrs", "str"}
)
_CHILDREN: Final[dict[type[ast.AST], tuple[str, ...]]] = {
    kind: tuple(name for name in kind._fields if name not in _LEAF_FIELDS)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
_CHILDREN[ast.MatchSingleton] = ()  # its value is None, True or False itself


class Walk:
    """The walk: a stack of scopes, and in what kind of place it stands."""

    handlers: ClassVar[Mapping[type[ast.AST], Callable[[Any, Any], None]]]
    """What is done with the kinds of nodes that bind or use names; all others are walked."""

    def __init__(
        self,
        tree: ast.Module,
        module: ModuleName,
        kinds: Mapping[ast.AST, str],
        *,
        is_package: bool,
        evaluated: frozenset[ast.expr] = frozenset(),
    ) -> None:
        """Begin at the top of `tree`; `kinds` says which functions are marked, `evaluated` which
        decorators of steps are kept for workflows.
        """
        self.evaluated = evaluated
        self.module = module
        self.kinds = kinds
        self.is_package = is_package
        self.scope = Scope("module", tree, None, "")
        self.out = Walked(self.scope, scopes=[self.scope])
        self.top = 0
        self.use = "read"
        self.hint = RUN_TIME
        self.in_step = False
        self.typing_only = False
        self.at: ast.expr | None = None  # the string whose annotation is being walked
        self.nonlocal_bindings: list[tuple[Scope, str, Binding]] = []

    def visit(self, node: ast.AST) -> None:
        """Visit one node and all below it."""
        kind = node.__class__
        if kind is ast.Constant:
            if self.use == "annotation":
                self.string_annotation(node)  # type: ignore[arg-type]  # the class is checked above
            return
        self.out.scope_of[node] = self.scope
        handler = self.handlers.get(kind)
        if handler is not None:
            handler(self, node)
        else:
            self.children(node)

    def children(self, node: ast.AST) -> None:
        """Visit what stands below a node."""
        for name in _CHILDREN[node.__class__]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    if item is not None:
                        self.visit(item)
            elif value is not None:
                self.visit(value)

    def each(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit `nodes`."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    def under(self, use: str, nodes: Iterable[ast.AST | None]) -> None:
        """Visit `nodes`, whose names are used as `use` says."""
        before, self.use = self.use, use
        self.each(nodes)
        self.use = before

    def annotation(self, node: ast.expr | None, hint: int) -> None:
        """Visit an annotation, which counts as `hint` says."""
        if node is None:
            return
        before, self.hint = self.hint, max(hint, self.hint)
        self.under("annotation", (node,))
        self.hint = before

    def string_annotation(self, node: ast.Constant) -> None:
        """Visit what an annotation says that is written as a string."""
        if not isinstance(node.value, str) or self.at is not None:
            return
        try:
            inner = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # Not a type: `get_type_hints` would refuse it, and says so better than we can.
        self.at = node
        self.visit(inner)
        self.at = None

    def open(self, kind: str, node: ast.AST, name: str = "") -> Scope:
        """Enter a new scope and give the one that was left."""
        outer = self.scope
        qualname = f"{outer.qualname}.{name}" if name and outer.qualname else name or outer.qualname
        self.scope = Scope(kind, node, outer, qualname)
        self.out.scopes.append(self.scope)
        return outer

    def bind(
        self,
        name: str,
        kind: str,
        node: ast.AST,
        target: str | None = None,
        value: ast.expr | None = None,
    ) -> None:
        """Note that the current scope binds `name`."""
        scope = self.scope
        top = self.top if scope.kind in {"module", "comprehension"} else -1
        binding = Binding(kind, node, target, value, top, self.typing_only)
        if name in scope.nonlocals:
            self.nonlocal_bindings.append((scope, name, binding))
            return
        if name in scope.globals:
            scope = self.out.module
        scope.bindings.setdefault(name, []).append(binding)

    def bind_nonlocals(self) -> None:
        """Give what `nonlocal` names bind to the scopes that own them; all names are known now."""
        for scope in self.out.scopes:
            scope.found.clear()
        for scope, name, binding in self.nonlocal_bindings:
            owner = scope.owner_of(name)
            if owner is not None:
                owner.bindings[name].append(binding)

    def touch(self, node: ast.expr) -> None:
        """Note that the top-level statement changes the object that a module-level name holds."""
        if self.scope.kind != "module":
            return
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            self.out.touched.setdefault(self.top, set()).add(node.id)

    def parameters(self, arguments: ast.arguments) -> None:
        """Bind the parameters of a function."""
        for argument in arguments_of(arguments):
            self.bind(argument.arg, "parameter", argument)


def arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    """Give every parameter of a function."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return found
