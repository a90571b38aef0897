"""Scopes: which block of a module binds which name, and what one use of a name looks like.

Two questions about tests (`TYPE_CHECKING`, `__main__`) and one about relative imports stand here
too, since every reader of a module asks them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from wfc.ids import ModuleName

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
RUN_TIME: Final = 0  # the use is evaluated
HINT: Final = 1  # it stands in the annotation of a function: a string in the workflow bundle
NEVER: Final = 2  # it stands in the annotation of a local name, which Python never evaluates


class Binding(NamedTuple):
    """One place that binds a name in a scope."""

    kind: str  # import function class parameter assign for with except match del other
    node: ast.AST
    target: str | None = None  # what an import binds
    value: ast.expr | None = None  # what a plain assignment or a `with` binds
    top: int = -1  # index of the top-level statement, -1 if a function binds it by `global`
    typing_only: bool = False


class Scope:
    """A block with names of its own."""

    __slots__ = ("bindings", "found", "globals", "kind", "node", "nonlocals", "parent", "qualname")

    def __init__(self, kind: str, node: ast.AST, parent: Scope | None, qualname: str) -> None:
        """Open a scope; `kind` is one of module, function, class, lambda, comprehension, type."""
        self.kind = kind
        self.node = node
        self.parent = parent
        self.qualname = qualname  # of the innermost class or function, without <locals>
        self.bindings: dict[str, list[Binding]] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.found: dict[str, Scope | None] = {}  # a cache of `owner_of`

    def owner_of(self, name: str) -> Scope | None:
        """Give the scope whose binding a use of `name` here means; None: a builtin or nothing."""
        if name in self.found:
            return self.found[name]
        owner = self._search(name)
        self.found[name] = owner
        return owner

    def _search(self, name: str) -> Scope | None:
        if name in self.globals:
            module = self
            while module.parent is not None:
                module = module.parent
            return module if name in module.bindings else None
        if name in self.bindings and name not in self.nonlocals:
            return self
        outer = self.parent
        # A class body is seen by itself and its type parameters, never by the functions in it.
        while outer is not None and outer.kind == "class" and self.kind != "type":
            outer = outer.parent
        return outer.owner_of(name) if outer is not None else None

    def class_of(self, name: str) -> Scope | None:
        """Give the scope of the class whose method has `name` as its first parameter, seen here."""
        owner = self.owner_of(name)
        if owner is None or owner.kind != "function" or not isinstance(owner.node, FUNCTIONS):
            return None
        arguments = [*owner.node.args.posonlyargs, *owner.node.args.args]
        around = owner.parent
        if not arguments or arguments[0].arg != name or around is None:
            return None
        return around if around.kind == "class" else None

    def function(self) -> Scope | None:
        """Give the innermost `def` scope, this one included; lambdas do not count."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "function":
            scope = scope.parent
        return scope


class Use(NamedTuple):
    """One use of a name: `name.attributes...`, in `scope`."""

    scope: Scope
    name: str
    attributes: tuple[str, ...]
    node: ast.expr  # what stands in the source: the whole chain, or the string annotation
    use: str
    top: int
    in_step: bool  # in the body, a default or a decorator of a step
    hint: int


class Chain(NamedTuple):
    """Attributes of a value that has no name of its own: ``Path(x).exists``."""

    scope: Scope
    base: ast.expr
    attributes: tuple[str, ...]
    node: ast.Attribute
    use: str
    top: int
    in_step: bool
    hint: int


ImportNode: TypeAlias = tuple[ast.Import | ast.ImportFrom, ast.alias, str, str, Scope, bool]
"""Statement, alias, target, module, scope, whether only type checkers see it."""


@dataclass(slots=True)
class Walked:
    """What one walk has found."""

    module: Scope
    scope_of: dict[ast.AST, Scope] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    imports: list[ImportNode] = field(default_factory=list)
    touched: dict[int, set[str]] = field(default_factory=dict)
    chains: list[Chain] = field(default_factory=list)
    asks: dict[tuple[int, Scope], set[str]] = field(default_factory=dict)
    """The attributes that a function asks of anything, by top-level statement and scope."""
    firsts: dict[ast.expr, ast.expr] = field(default_factory=dict)
    """The key in ``os.environ[key]`` and ``key in os.environ``, or the first argument in
    ``os.getenv(key)``, by what it is asked of.
    """
    members: dict[tuple[Scope, str], list[ast.expr]] = field(default_factory=dict)
    """What ``self.name = value`` assigns in the methods of a class, by its scope and `name`."""
    annotations: dict[ast.AST, ast.expr] = field(default_factory=dict)
    """What ``name: annotation = value`` says, by the name."""
    updates: dict[ast.AST, ast.operator] = field(default_factory=dict)
    """What ``name |= value`` does, by the name."""
    lambdas: list[ast.Lambda] = field(default_factory=list)
    main_blocks: set[int] = field(default_factory=set)


def absolute(module: str, level: int, importer: ModuleName, *, is_package: bool) -> str:
    """Give the dotted name that ``from {'.' * level}{module} import`` means in `importer`.

    More dots than packages are left as they are: Python would refuse them, and nothing has a name
    that begins with a dot.
    """
    if not level:
        return module
    parts = importer.split(".")
    count = len(parts) - level + is_package
    if count < 1:
        return "." * level + module
    return ".".join([*parts[:count], module] if module else parts[:count])


def type_checking(test: ast.expr) -> tuple[bool, bool]:
    """Tell whether `test` asks for TYPE_CHECKING, and whether the body (not the else) is typing."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return type_checking(test.operand)[0], False
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING", True


def is_main_test(test: ast.expr) -> bool:
    """Tell whether `test` is ``__name__ == "__main__"``."""
    return (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
        and {_word(test.left), _word(test.comparators[0])} == {"__name__", "'__main__'"}
    )


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return repr(node.value) if isinstance(node, ast.Constant) else ""
