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
    Function,
    Scope,
    Walked,
    absolute,
    is_main_test,
    type_checking,
)
from wfc.compiler.stars import bind_stars
from wfc.compiler.walk import arguments_of
from wfc.compiler.walk_expressions import Expressions
from wfc.ids import ModuleName


def walk(
    tree: ast.Module,
    module: ModuleName,
    kinds: Mapping[ast.AST, str],
    *,
    is_package: bool = False,
    stars: Iterable[Star] = (),
    evaluated: frozenset[ast.expr] = frozenset(),
) -> Walked:
    """Walk `tree`; `kinds` says which functions are marked ("step" or "workflow").

    `stars` are what its star imports bind, of those modules that could be looked into; `evaluated`
    are the decorators of steps that workflow bundles keep.
    """
    walker = _Walker(tree, module, kinds, is_package=is_package, evaluated=evaluated)
    for index, statement in enumerate(tree.body):
        walker.top = index
        walker.visit(statement)
    bind_stars(tree, module, walker.out, stars)
    walker.bind_nonlocals()
    return walker.out


class _Walker(Expressions):
    """What a walk does with definitions and statements."""

    # --- definitions ---------------------------------------------------------------------------

    def function(self, node: Function) -> None:
        is_step = self.kinds.get(node) == "step"
        before = self.in_step
        for decorator in node.decorator_list:
            self.in_step = before or (is_step and decorator not in self.evaluated)
            self.under("call", (decorator,))
        self.in_step = before or is_step
        self.under("read", [*node.args.defaults, *node.args.kw_defaults])
        self.in_step = before
        self.bind(node.name, "function", node)
        around = self.type_parameters(node)
        for argument in arguments_of(node.args):
            self.annotation(argument.annotation, HINT)
        self.annotation(node.returns, HINT)
        outer = self.open("function", node, node.name)
        self.parameters(node.args)
        self.in_step = before or is_step
        self.under("read", node.body)
        self.in_step = before
        self.scope = around or outer

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
            self.out.updates[node.target] = node.op
        self.visit(node.target)

    def expression(self, node: ast.Expr) -> None:
        match node.value:
            case ast.Call(func=ast.Attribute() as method):
                self.touch(method)
            case ast.Call(func=ast.Name("setattr" | "delattr"), args=[changed, *_]):
                self.touch(changed)
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


_HANDLERS: Final[dict[type[ast.AST], Callable[[Any, Any], None]]] = {
    ast.Name: _Walker.name,
    ast.Attribute: _Walker.attribute,
    ast.Subscript: _Walker.subscript,
    ast.Call: _Walker.call,
    ast.BinOp: _Walker.binary,
    ast.Compare: _Walker.compare,
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
_Walker.handlers = _HANDLERS
