"""Walk a module once: open its scopes, bind its names, note every use of a name.

The walk decides nothing. What a use means is asked afterwards, of `Names`, since a name may be
bound below the place that uses it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from wfc.compiler.facts import Star
from wfc.compiler.scopes import (
    HINT,
    NEVER,
    RUN_TIME,
    Binding,
    Chain,
    Function,
    Scope,
    Use,
    Walked,
    absolute,
    is_main_test,
    type_checking,
)
from wfc.compiler.stars import bind_stars
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
_CLASS_CHECKS: Final = frozenset({"isinstance", "issubclass"})


def walk(
    tree: ast.Module,
    module: ModuleName,
    kinds: Mapping[ast.AST, str],
    *,
    is_package: bool = False,
    stars: Iterable[Star] = (),
) -> Walked:
    """Walk `tree`; `kinds` says which functions are marked ("step" or "workflow").

    `stars` are what its star imports bind, of those modules that could be looked into.
    """
    walker = _Walker(tree, module, kinds, is_package=is_package)
    for index, statement in enumerate(tree.body):
        walker.top = index
        walker.visit(statement)
    bind_stars(tree, module, walker.out, stars)
    walker.bind_nonlocals()
    return walker.out


class _Walker:
    """The walk: a stack of scopes, and in what kind of place it stands."""

    def __init__(
        self,
        tree: ast.Module,
        module: ModuleName,
        kinds: Mapping[ast.AST, str],
        *,
        is_package: bool,
    ) -> None:
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

    # --- walking -------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        """Visit one node and all below it."""
        kind = node.__class__
        if kind is ast.Constant:
            if self.use == "annotation":
                self.string_annotation(node)  # type: ignore[arg-type]  # the class is checked above
            return
        self.out.scope_of[node] = self.scope
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node)
        else:
            self.children(node)

    def children(self, node: ast.AST) -> None:
        for name in _CHILDREN[node.__class__]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    if item is not None:
                        self.visit(item)
            elif value is not None:
                self.visit(value)

    def each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def under(self, use: str, nodes: Iterable[ast.AST | None]) -> None:
        """Visit `nodes`, whose names are used as `use` says."""
        before, self.use = self.use, use
        self.each(nodes)
        self.use = before

    def annotation(self, node: ast.expr | None, hint: int) -> None:
        if node is None:
            return
        before, self.hint = self.hint, max(hint, self.hint)
        self.under("annotation", (node,))
        self.hint = before

    def string_annotation(self, node: ast.Constant) -> None:
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

    # --- expressions ---------------------------------------------------------------------------

    def name(self, node: ast.Name) -> None:
        if node.ctx.__class__ is ast.Load:
            self.note(node.id, (), node)
        else:
            self.bind(node.id, "del" if isinstance(node.ctx, ast.Del) else "other", node)

    def asks(self, attributes: Iterable[str]) -> None:
        """Note what is asked of a value, but for step bodies, which no workflow runs."""
        if not self.in_step:
            self.out.asks.setdefault((self.top, self.scope), set()).update(attributes)

    def note(self, name: str, attributes: tuple[str, ...], node: ast.expr) -> None:
        if attributes:
            self.asks(attributes)
        self.out.uses.append(
            Use(
                self.scope, name, attributes, self.at or node,
                self.use, self.top, self.in_step, self.hint,
            )
        )  # fmt: skip

    def attribute(self, node: ast.Attribute) -> None:
        attributes = [node.attr]
        base = node.value
        while base.__class__ is ast.Attribute:
            self.out.scope_of[base] = self.scope
            attributes.append(base.attr)
            base = base.value
        if node.ctx.__class__ is not ast.Load:
            self.touch(base)
        if isinstance(base, ast.Name):
            self.out.scope_of[base] = self.scope
            self.note(base.id, tuple(reversed(attributes)), node)
        else:
            self.asks(attributes)
            self.out.chains.append(
                Chain(
                    self.scope, base, tuple(reversed(attributes)), node,
                    self.use, self.top, self.in_step, self.hint,
                )
            )  # fmt: skip
            self.under("annotation" if self.use == "annotation" else "read", (base,))

    def subscript(self, node: ast.Subscript) -> None:
        if node.ctx.__class__ is not ast.Load:
            self.touch(node.value)
        self.out.firsts[node.value] = node.slice
        if self.use != "annotation":
            self.under("read" if self.use == "call" else self.use, (node.value,))
            self.under("read", (node.slice,))
            return
        self.visit(node.value)
        word = getattr(node.value, "attr", getattr(node.value, "id", ""))
        if word == "Literal":  # its strings are values
            self.under("read", (node.slice,))
        elif word == "Annotated" and isinstance(node.slice, ast.Tuple):
            first, *rest = node.slice.elts
            self.visit(first)
            self.under("read", rest)
        else:
            self.visit(node.slice)

    def call(self, node: ast.Call) -> None:
        func = node.func
        if node.args:
            self.out.firsts[func] = node.args[0]
        # What stands in a function's annotation is never called in a workflow.
        hinted = self.hint != RUN_TIME
        named = isinstance(func, ast.Name | ast.Attribute)
        self.under("annotation" if hinted else "call" if named else "read", (func,))
        if isinstance(func, ast.Name) and func.id == "getattr":
            self.getattr(node)
        checks = isinstance(func, ast.Name) and func.id in _CLASS_CHECKS and len(node.args) > 1
        self.under("annotation" if hinted else "read", node.args[:1] if checks else node.args)
        if checks:
            self.under("isinstance", node.args[1:])
        self.under("annotation" if hinted else "read", [word.value for word in node.keywords])

    def getattr(self, node: ast.Call) -> None:
        """Read ``getattr(time, "sleep")`` as the chain it means."""
        if len(node.args) < 2:  # noqa: PLR2004 - an object and a name
            return
        base, word = node.args[:2]
        if not (isinstance(word, ast.Constant) and isinstance(word.value, str)):
            return
        self.asks((word.value,))
        attributes = [word.value]
        while isinstance(base, ast.Attribute):
            attributes.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self.note(base.id, tuple(reversed(attributes)), node)

    def binary(self, node: ast.BinOp) -> None:
        # A long sum leans to the left: go down it without a frame for each term.
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            self.visit(left.right)
            left = left.left
        self.visit(left)

    def lambda_(self, node: ast.Lambda) -> None:
        self.out.lambdas.append(node)
        self.each([*node.args.defaults, *node.args.kw_defaults])
        outer = self.open("lambda", node)
        self.parameters(node.args)
        self.under("read", (node.body,))
        self.scope = outer

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        first, *rest = node.generators
        self.under("read", (first.iter,))  # evaluated where the comprehension stands
        outer = self.open("comprehension", node)
        before, self.use = self.use, "read"
        self.each([first.target, *first.ifs])
        for generator in rest:
            self.each([generator.iter, generator.target, *generator.ifs])
        if isinstance(node, ast.DictComp):
            # 3.15 unpacks mappings here: then there is no value.
            self.each([node.key, node.value])
        else:
            self.visit(node.elt)
        self.use = before
        self.scope = outer

    def walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        inner = self.scope
        while self.scope.kind == "comprehension" and self.scope.parent is not None:
            self.scope = self.scope.parent
        self.bind(node.target.id, "other", node.target)
        self.out.scope_of[node.target] = self.scope
        self.scope = inner

    # --- definitions ---------------------------------------------------------------------------

    def function(self, node: Function) -> None:
        is_step = self.kinds.get(node) == "step"
        before = self.in_step
        self.in_step = before or is_step
        self.under("call", node.decorator_list)
        self.under("read", [*node.args.defaults, *node.args.kw_defaults])
        self.in_step = before
        self.bind(node.name, "function", node)
        around = self.type_parameters(node)
        for argument in _arguments(node.args):
            self.annotation(argument.annotation, HINT)
        self.annotation(node.returns, HINT)
        outer = self.open("function", node, node.name)
        self.parameters(node.args)
        self.in_step = before or is_step
        self.under("read", node.body)
        self.in_step = before
        self.scope = around or outer

    def parameters(self, arguments: ast.arguments) -> None:
        for argument in _arguments(arguments):
            self.bind(argument.arg, "parameter", argument)

    def type_parameters(self, node: Any) -> Scope | None:
        """Open the scope of PEP 695 parameters, if there are any; give the scope around it."""
        parameters = getattr(node, "type_params", None)
        if not parameters:
            return None
        outer = self.open("type", node)
        for parameter in parameters:
            self.bind(parameter.name, "parameter", parameter)
            self.annotation(getattr(parameter, "bound", None), NEVER)
            self.annotation(getattr(parameter, "default_value", None), NEVER)
        return outer

    def class_(self, node: ast.ClassDef) -> None:
        self.under("call", node.decorator_list)
        self.bind(node.name, "class", node)
        around = self.type_parameters(node)
        self.under("subclass", node.bases)
        self.under("read", [word.value for word in node.keywords])
        outer = self.open("class", node, node.name)
        self.under("read", node.body)
        self.scope = around or outer

    def type_alias(self, node: Any) -> None:
        self.bind(node.name.id, "other", node)
        around = self.type_parameters(node)
        self.annotation(node.value, RUN_TIME)
        self.scope = around or self.scope

    # --- statements ----------------------------------------------------------------------------

    def assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.out.scope_of[target] = self.scope
                self.bind(target.id, "assign", target, value=node.value)
            else:
                self.member(target, node.value)
                self.visit(target)

    def member(self, target: ast.expr, value: ast.expr | None) -> None:
        """Note an assignment to an attribute of `self`."""
        match target:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if value is not None:
                around = self.scope.class_of(name)
                if around is not None:
                    self.out.members.setdefault((around, attribute), []).append(value)

    def annotated_assign(self, node: ast.AnnAssign) -> None:
        local = self.scope.function() is not None and self.scope.kind != "class"
        self.annotation(node.annotation, NEVER if local else RUN_TIME)
        if node.value is not None:
            self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.out.scope_of[node.target] = self.scope
            self.out.annotations[node.target] = node.annotation
            if node.value is not None or local:
                kind = "assign" if node.value is not None else "declared"
                self.bind(node.target.id, kind, node.target, value=node.value)
        else:
            self.member(node.target, node.value)
            self.visit(node.target)

    def augmented_assign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.note(node.target.id, (), node.target)
        self.visit(node.target)

    def expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self.touch(node.value.func)
        self.visit(node.value)

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            target = alias.name if alias.asname else name
            self.imported(node, alias, name, target, alias.name)

    def import_from(self, node: ast.ImportFrom) -> None:
        module = absolute(node.module or "", node.level, self.module, is_package=self.is_package)
        for alias in node.names:
            target = f"{module}.{alias.name}" if module else alias.name
            self.imported(node, alias, alias.asname or alias.name, target, module)

    def imported(
        self,
        node: ast.Import | ast.ImportFrom,
        alias: ast.alias,
        name: str,
        target: str,
        module: str,
    ) -> None:
        if name != "*":
            self.bind(name, "import", alias, target)
        self.out.imports.append((node, alias, target, module, self.scope, self.typing_only))

    def global_(self, node: ast.Global) -> None:
        self.scope.globals.update(node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        self.scope.nonlocals.update(node.names)

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.under("except", (node.type,))
        if node.name is not None:
            self.bind(node.name, "except", node)
        self.each(node.body)

    def with_item(self, node: ast.withitem) -> None:
        self.visit(node.context_expr)
        if isinstance(node.optional_vars, ast.Name):
            self.out.scope_of[node.optional_vars] = self.scope
            self.bind(node.optional_vars.id, "with", node.optional_vars, value=node.context_expr)
        elif node.optional_vars is not None:
            self.visit(node.optional_vars)

    def if_(self, node: ast.If) -> None:
        branch: ast.If | None = node
        while branch is not None:  # `elif` chains are nested in the tree, not in our stack
            self.out.scope_of[branch] = self.scope
            typing_only, on_body = type_checking(branch.test)
            if self.scope.kind == "module" and is_main_test(branch.test):
                self.out.main_blocks.add(self.top)
            self.visit(branch.test)
            self.typing(branch.body, typing_only=typing_only and on_body)
            rest = branch.orelse
            branch = None
            if len(rest) == 1 and isinstance(rest[0], ast.If):
                branch = rest[0]
            else:
                self.typing(rest, typing_only=typing_only and not on_body)

    def typing(self, body: list[ast.stmt], *, typing_only: bool) -> None:
        before, self.typing_only = self.typing_only, self.typing_only or typing_only
        self.each(body)
        self.typing_only = before

    def match_as(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self.bind(node.name, "match", node)
        if isinstance(node, ast.MatchAs) and node.pattern is not None:
            self.visit(node.pattern)

    def match_mapping(self, node: ast.MatchMapping) -> None:
        self.each([*node.keys, *node.patterns])
        if node.rest is not None:
            self.bind(node.rest, "match", node)

    def match_class(self, node: ast.MatchClass) -> None:
        self.under("isinstance", (node.cls,))
        self.each([*node.patterns, *node.kwd_patterns])


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return found


_HANDLERS: Final[dict[type[ast.AST], Callable[[_Walker, Any], None]]] = {
    ast.Name: _Walker.name,
    ast.Attribute: _Walker.attribute,
    ast.Subscript: _Walker.subscript,
    ast.Call: _Walker.call,
    ast.BinOp: _Walker.binary,
    ast.Lambda: _Walker.lambda_,
    ast.ListComp: _Walker.comprehension,
    ast.SetComp: _Walker.comprehension,
    ast.DictComp: _Walker.comprehension,
    ast.GeneratorExp: _Walker.comprehension,
    ast.NamedExpr: _Walker.walrus,
    ast.FunctionDef: _Walker.function,
    ast.AsyncFunctionDef: _Walker.function,
    ast.ClassDef: _Walker.class_,
    ast.Assign: _Walker.assign,
    ast.AnnAssign: _Walker.annotated_assign,
    ast.AugAssign: _Walker.augmented_assign,
    ast.Expr: _Walker.expression,
    ast.Import: _Walker.import_,
    ast.ImportFrom: _Walker.import_from,
    ast.Global: _Walker.global_,
    ast.Nonlocal: _Walker.nonlocal_,
    ast.ExceptHandler: _Walker.handler,
    ast.withitem: _Walker.with_item,
    ast.If: _Walker.if_,
    ast.MatchAs: _Walker.match_as,
    ast.MatchStar: _Walker.match_as,
    ast.MatchMapping: _Walker.match_mapping,
    ast.MatchClass: _Walker.match_class,
}
if hasattr(ast, "TypeAlias"):
    _HANDLERS[ast.TypeAlias] = _Walker.type_alias
