"""Canonical trees: one text for all spellings of a function, class or constant that mean the same.

Own table, own text: `ast.dump` and `ast.unparse` differ between Pythons, and fingerprints must not.
"""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol

from wfc.errors import UnknownSyntax
from wfc.manifests.bundle import Entry
from wfc.manifests.old_names import NO_NAMES, OldNames
from wfc.manifests.operations import TO_THREAD
from wfc.manifests.scopes import (
    Comprehension,
    Scope,
    class_scope,
    comprehension_scope,
    function_scope,
)
from wfc.manifests.signature import Resolve, canonical_type, dotted_name
from wfc.manifests.syntax import FIELDS, OPERATIONS

_START: Final = "wfc.start"
_POLICY: Final = frozenset({"wfc.policy", "wfc.policies.policy"})


class Surroundings(Protocol):
    """What a tree must know of the module it stands in and of the build."""

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        ...

    def qualified(self, name: str) -> str:
        """Give the qualified name that a global `name` (dotted, as written) stands for."""
        ...

    def entry(self, qualified: str) -> Entry | None:
        """Give the marked definition behind a qualified name, if it is one."""
        ...

    def meaning(self, name: str) -> str | tuple[ast.expr, Resolve]:
        """Give the qualified name of a type, or what the alias of that name stands for."""
        ...


class Tree:
    """The canonical text of one function, class or constant, and the globals it reaches."""

    def __init__(
        self,
        around: Surroundings,
        root: str = "",
        reach: Callable[[str, bool], None] | None = None,
        names: OldNames = NO_NAMES,
    ) -> None:
        """Serialize within `around`; `reach` is told each global, and whether it is called.

        `root` is the qualname whose tree is asked for: other workflows and steps inside it are
        named, not written out. `names` spells what has another name now.
        """
        self.names = names
        self.own: tuple[Scope, str] | None = None  # the scope whose parameters `names` may spell
        self.around = around
        self.root = root
        self.reach = reach or (lambda name, called: None)  # noqa: ARG005 - the form of the hook
        self.scopes: list[Scope] = []
        self.path = root.split(".")[:-1]  # the definitions around what is being written
        self.count = 0

    # --- the general case ---

    def text(self, node: ast.AST) -> str:
        """Give the canonical text of `node`."""
        kind = type(node).__name__
        special = self._WRITERS.get(kind)
        return special(self, node) if special else self.plain(node, kind)

    def plain(self, node: ast.AST, kind: str) -> str:
        """Write a node as its table says."""
        fields = FIELDS.get(kind)
        if fields is None:
            raise UnknownSyntax(
                f"line {getattr(node, 'lineno', '?')}: this wfc does not know the syntax `{kind}` "
                "of this Python, so it cannot tell what the workflow means; use a newer wfc"
            )
        return self.form(kind, ((name, getattr(node, name, None)) for name in fields))

    def form(self, kind: str, fields: Iterable[tuple[str, object]]) -> str:
        """Write ``(Kind field=value ...)``, and nothing for None and empty lists."""
        parts = [kind]
        parts += [f"{name}={self.value(value)}" for name, value in fields if _says(value)]
        return f"({' '.join(parts)})"

    def value(self, value: object) -> str:
        """Write the value of a field."""
        match value:
            case ast.AST():
                return self.text(value)
            case list() | tuple():
                return f"[{' '.join(self.value(one) for one in value)}]"
            case _Ready():
                return value
        return _scalar(value)

    # --- names ---

    def _name(self, node: ast.Name) -> str:
        return self._global_or_local(node.id)

    def _global_or_local(self, name: str, *, called: bool = False) -> str:
        local = self._local(name)
        if local is not None:
            return local
        return self._global_(name, called=called)

    def _global_(self, dotted: str, *, called: bool = False) -> str:
        qualified = self.around.qualified(dotted)
        self.reach(qualified, called)
        return f"(Global {json.dumps(self.names.dotted(qualified))})"

    def _local(self, name: str) -> str | None:
        """Give the normalised name of a local, or None if `name` is not one here."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.elsewhere:
                return None
            if scope.is_class and depth:
                if name in scope.renamed:
                    return self._numbered(scope, name)
                continue  # functions do not see the names of a class around them
            if name in scope.kept:
                if self.own is not None and scope is self.own[0]:
                    name = self.names.parameter(self.own[1], name)
                return f"(Local {json.dumps(name)})"
            if name in scope.renamed:
                return self._numbered(scope, name)
        return None

    def _numbered(self, scope: Scope, name: str) -> str:
        if name not in scope.numbers:
            scope.numbers[name] = self.count
            self.count += 1
        return f"${scope.numbers[name]}"

    def _bound(self, name: str | None) -> str | None:
        """Write a name that a node binds by text: a handler's, a pattern's, an import's."""
        return None if name is None else _Ready(self._global_or_local(name))

    def _attribute(self, node: ast.Attribute) -> str:
        dotted = dotted_name(node)
        if dotted is None or self._local(dotted.partition(".")[0]) is not None:
            return self.plain(node, "Attribute")
        return self._global_(dotted)

    # --- constants and f-strings ---

    def _constant(self, node: ast.Constant) -> str:
        return f"(Constant {_typed(node.value)})"

    def _joined(self, node: ast.JoinedStr) -> str:
        """Write an f-string: empty texts go and neighbours merge, for 3.12 splits otherwise."""
        parts: list[ast.expr] = []
        for part in node.values:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                if not part.value:
                    continue
                last = parts[-1] if parts else None
                if isinstance(last, ast.Constant):
                    parts[-1] = ast.Constant(str(last.value) + part.value)
                    continue
            parts.append(part)
        return self.form(type(node).__name__, [("values", parts)])

    # --- calls ---

    def _call(self, node: ast.Call) -> str:
        dotted = dotted_name(node.func)
        if dotted is None or self._local(dotted.partition(".")[0]) is not None:
            return self.plain(node, "Call")
        qualified = self.around.qualified(dotted)
        function = _Ready(self._global_(dotted, called=True))
        names = self._parameters(qualified)
        spread = any(isinstance(one, ast.Starred) for one in node.args) or any(
            one.arg is None for one in node.keywords
        )
        if qualified == _START and self.names:
            node = self._as_started_before(node)
        if names is None or spread or len(node.args) > len(names):
            args: list[Any] = list(node.args)
            if qualified == TO_THREAD and args:
                args[0] = self._called_there(args[0])
            return self.form(
                "Call", [("func", function), ("args", args), ("keywords", node.keywords)]
            )
        named = [
            *(ast.keyword(name, one) for name, one in zip(names, node.args, strict=False)),
            *node.keywords,
        ]
        entry = self.around.entry(qualified) if self.names else None
        if entry is not None:
            named = [
                ast.keyword(one.arg and self.names.parameter(entry.id, one.arg), one.value)
                for one in named
            ]
        return self.form("Call", [("func", function), ("keywords", named)])

    def _as_started_before(self, node: ast.Call) -> ast.Call:
        """Spell the arguments of a child as its parameters were called first."""
        dotted = dotted_name(node.args[0]) if node.args else None
        if dotted is None or self._local(dotted.partition(".")[0]) is not None:
            return node
        entry = self.around.entry(self.around.qualified(dotted))
        if entry is None:
            return node
        named = [
            ast.keyword(one.arg and self.names.parameter(entry.id, one.arg), one.value)
            for one in node.keywords
        ]
        return ast.Call(node.func, node.args, named)

    def _called_there(self, node: ast.expr) -> ast.expr | _Ready:
        """Write what `to_thread` calls: a step is not handed on by that, but called."""
        dotted = dotted_name(node)
        if dotted is None or self._local(dotted.partition(".")[0]) is not None:
            return node
        entry = self.around.entry(self.around.qualified(dotted))
        is_step = entry is not None and entry.kind == "step"
        return _Ready(self._global_(dotted, called=True)) if is_step else node

    def _parameters(self, qualified: str) -> tuple[str, ...] | None:
        """Name the positional parameters of an operation; None: a call of something else."""
        entry = self.around.entry(qualified)
        if entry is None:
            return OPERATIONS.get(qualified)
        kinds = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
        return tuple(one.name for one in entry.signature.parameters if one.kind in kinds)

    # --- definitions ---

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        marked = self._marked(node.name)
        if marked is not None:
            return marked
        kept = [one for one in node.decorator_list if not self._is_policy(one)]
        # Decorators and defaults belong to the scope around the function.
        decorators = [_Ready(self.text(one)) for one in kept]
        arguments = self._arguments(node.args)
        scope = function_scope(node)
        with _Within(self, scope, node.name):
            fields: list[tuple[str, object]] = [
                ("name", node.name),
                ("type_params", getattr(node, "type_params", None)),
                ("decorator_list", decorators),
                ("args", [*arguments, *self._annotations(node.args)]),
                ("returns", self._annotation(node.returns)),
                ("body", self._body(node.body)),
            ]
            return self.form(type(node).__name__, fields)

    def code_of(self, node: ast.FunctionDef | ast.AsyncFunctionDef, identity: str) -> str:
        """Give the canonical text of a function's statements and decorators, and of no more.

        Its parameters are spelled as `names` has those of `identity`.
        """
        kept = [one for one in node.decorator_list if not self._is_policy(one)]
        decorators = [_Ready(self.text(one)) for one in kept]
        scope = function_scope(node)
        self.own = (scope, identity)
        with _Within(self, scope, node.name):
            fields: list[tuple[str, object]] = [
                ("type_params", getattr(node, "type_params", None)),
                ("decorator_list", decorators),
                ("body", self._body(node.body)),
            ]
            return self.form("Code", fields)

    def _arguments(self, node: ast.arguments) -> list[_Ready]:
        """Write kinds, names and defaults; the defaults in the scope around the function."""
        positional = [*node.posonlyargs, *node.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.defaults))
        defaults += node.defaults
        listed = [
            *(("posonly", one, None) for one in node.posonlyargs),
            *(("any", one, None) for one in node.args),
        ]
        rows = [
            (kind, one, default) for (kind, one, _), default in zip(listed, defaults, strict=True)
        ]
        if node.vararg:
            rows.append(("vararg", node.vararg, None))
        rows += [
            ("kwonly", one, default)
            for one, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)
        ]
        if node.kwarg:
            rows.append(("kwarg", node.kwarg, None))
        return [
            _Ready(self.form("arg", [("kind", kind), ("name", one.arg), ("default", default)]))
            for kind, one, default in rows
        ]

    def _annotations(self, node: ast.arguments) -> list[_Ready]:
        """Write the types of the parameters, in the scope of the type parameters."""
        every = [*node.posonlyargs, *node.args, node.vararg, *node.kwonlyargs, node.kwarg]
        typed = [one for one in every if one is not None and one.annotation is not None]
        return [
            _Ready(self.form("type", [("of", one.arg), ("is", self._annotation(one.annotation))]))
            for one in typed
        ]

    def _lambda_(self, node: ast.Lambda) -> str:
        arguments = self._arguments(node.args)
        with _Within(self, function_scope(node)):
            return self.form("Lambda", [("args", arguments), ("body", node.body)])

    def _class_(self, node: ast.ClassDef) -> str:
        outside = [
            ("decorator_list", [_Ready(self.text(one)) for one in node.decorator_list]),
            ("bases", [_Ready(self.text(one)) for one in node.bases]),
            ("keywords", [_Ready(self.text(one)) for one in node.keywords]),
        ]
        with _Within(self, class_scope(node), node.name):
            fields: list[tuple[str, object]] = [
                ("name", node.name),
                ("type_params", getattr(node, "type_params", None)),
                *outside,
                ("body", self._body(node.body)),
            ]
            return self.form("ClassDef", fields)

    def _marked(self, name: str) -> str | None:
        """Write a step or another workflow that is defined in here: by id, without its body."""
        qualname = ".".join([*self.path, name])
        if qualname == self.root:
            return None
        qualified = f"{self.around.module}.{qualname}"
        entry = self.around.entry(qualified)
        if entry is None:
            return None
        # To define a step is not to hand it on; to define a workflow is not to call it.
        self.reach(qualified, entry.kind == "step")
        return self.form("Marked", [("kind", entry.kind), ("id", self.names.id(entry.id))])

    def _is_policy(self, node: ast.expr) -> bool:
        dotted = dotted_name(node.func) if isinstance(node, ast.Call) else None
        return dotted is not None and self.around.qualified(dotted) in _POLICY

    def _body(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Leave out docstring, directive, and what declares a local's type and does no more."""
        rest = list(itertools.dropwhile(_is_text, statements))
        if self.scopes and self.scopes[-1].is_class:
            return rest
        return [one for one in rest if not _only_declares(one)]

    # --- annotations ---

    def _annotated(self, node: ast.AnnAssign) -> str:
        if not self.scopes or self.scopes[-1].is_class:
            fields: list[tuple[str, object]] = [
                ("target", node.target),
                ("annotation", self._annotation(node.annotation)),
                ("value", node.value),
            ]
            return self.form("AnnAssign", fields)
        # The annotation of a local is a note to the reader.
        if node.value is None:
            return "(Pass)"
        return self.form("Assign", [("targets", [node.target]), ("value", node.value)])

    def _annotation(self, node: ast.expr | None) -> str | None:
        return None if node is None else canonical_type(node, self.type_named, self.text)

    def type_named(self, dotted: str) -> str | tuple[ast.expr, Resolve]:
        """Give what a name in an annotation stands for."""
        local = self._local(dotted.partition(".")[0])
        if local is not None:
            return local
        meaning = self.around.meaning(dotted)
        if isinstance(meaning, str):
            self.reach(meaning, False)  # noqa: FBT003 - the form of the hook
        return meaning

    # --- what binds names by text ---

    def _comprehension(self, node: Comprehension) -> str:
        # The first iterable is evaluated outside, where the targets are not bound.
        first = _Ready(self.text(node.generators[0].iter))
        with _Within(self, comprehension_scope(node)):
            clauses = []
            for index, one in enumerate(node.generators):
                fields: list[tuple[str, object]] = [
                    ("target", one.target),
                    ("iter", first if index == 0 else one.iter),
                    ("ifs", one.ifs),
                    ("is_async", one.is_async or None),
                ]
                clauses.append(_Ready(self.form("comprehension", fields)))
            parts = FIELDS[type(node).__name__][1:]
            rest = ((name, getattr(node, name)) for name in parts)
            return self.form(type(node).__name__, [("generators", clauses), *rest])

    def _handler(self, node: ast.ExceptHandler) -> str:
        fields: list[tuple[str, object]] = [
            ("type", node.type),
            ("name", self._bound(node.name)),
            ("body", node.body),
        ]
        return self.form("ExceptHandler", fields)

    def _pattern(self, node: ast.MatchStar | ast.MatchAs) -> str:
        inner = getattr(node, "pattern", None)
        fields: list[tuple[str, object]] = [("pattern", inner), ("name", self._bound(node.name))]
        return self.form(type(node).__name__, fields)

    def _mapping(self, node: ast.MatchMapping) -> str:
        fields: list[tuple[str, object]] = [
            ("keys", node.keys),
            ("patterns", node.patterns),
            ("rest", self._bound(node.rest)),
        ]
        return self.form("MatchMapping", fields)

    def _import_(self, node: ast.Import) -> str:
        rows = []
        for one in node.names:
            # `import a.b` binds `a`, `import a.b as c` binds what `a.b` is.
            target = one.name if one.asname else one.name.partition(".")[0]
            name = self._bound(one.asname or target)
            rows.append(_Ready(f"({json.dumps(one.name)} {json.dumps(target)} {name})"))
        return self.form("Import", [("names", rows)])

    def _import_from(self, node: ast.ImportFrom) -> str:
        base = "." * node.level + (node.module or "")
        rows = [
            _Ready(f"({json.dumps(one.name)} {self._bound(one.asname or one.name)})")
            for one in node.names
        ]
        return self.form("ImportFrom", [("module", base), ("names", rows)])

    def _names_only(self, node: ast.Global | ast.Nonlocal) -> str:
        rows = [_Ready(self._global_or_local(name)) for name in node.names]
        return self.form(type(node).__name__, [("names", rows)])

    def _type_parameter(self, node: ast.AST) -> str:
        fields: list[tuple[str, object]] = [
            ("name", self._bound(getattr(node, "name", None))),
            ("bound", getattr(node, "bound", None)),
            ("default_value", getattr(node, "default_value", None)),
        ]
        return self.form(type(node).__name__, fields)

    _WRITERS: ClassVar[Mapping[str, Callable[[Tree, Any], str]]] = {
        "Name": _name,
        "Attribute": _attribute,
        "Constant": _constant,
        "JoinedStr": _joined,
        "TemplateStr": _joined,
        "Call": _call,
        "FunctionDef": _function,
        "AsyncFunctionDef": _function,
        "Lambda": _lambda_,
        "ClassDef": _class_,
        "AnnAssign": _annotated,
        "ListComp": _comprehension,
        "SetComp": _comprehension,
        "DictComp": _comprehension,
        "GeneratorExp": _comprehension,
        "ExceptHandler": _handler,
        "MatchStar": _pattern,
        "MatchAs": _pattern,
        "MatchMapping": _mapping,
        "Import": _import_,
        "ImportFrom": _import_from,
        "Global": _names_only,
        "Nonlocal": _names_only,
        "TypeVar": _type_parameter,
        "ParamSpec": _type_parameter,
        "TypeVarTuple": _type_parameter,
    }


class _Within:
    """A scope that is entered, and the name of the definition that opens it."""

    def __init__(self, tree: Tree, scope: Scope, name: str | None = None) -> None:
        self.tree, self.scope, self.name = tree, scope, name

    def __enter__(self) -> None:
        self.tree.scopes.append(self.scope)
        if self.name is not None:
            self.tree.path.append(self.name)

    def __exit__(self, *_: object) -> None:
        self.tree.scopes.pop()
        if self.name is not None:
            self.tree.path.pop()


class _Ready(str):
    """Text that is canonical already."""

    __slots__ = ()


def _says(value: object) -> bool:
    return value is not None and value not in ([], ())


def _scalar(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else _typed(value)


def _typed(value: object) -> str:
    """Write a constant with its type: 1, 1.0 and True are equal in Python but not here."""
    match value:
        case str():
            return json.dumps(value)
        case bytes():
            return f"bytes:{value.hex()}"
        case int() if not isinstance(value, bool):
            return f"int:{value:x}"
        case float() | complex():
            return f"{type(value).__name__}:{value!r}"
    return "..." if value is ... else str(value)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _only_declares(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign) and statement.value is None
