"""Walk expressions: names, attributes, calls, and the scopes that stand in an expression."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from wfc.compiler.scopes import RUN_TIME, Chain, Use
from wfc.compiler.walk import Walk

_CLASS_CHECKS: Final = frozenset({"isinstance", "issubclass"})


class Expressions(Walk):
    """What a walk does with the kinds of expressions that use names."""

    def name(self, node: ast.Name) -> None:
        """Note a use of a name, or bind it."""
        if node.ctx.__class__ is ast.Load:
            self.note(node.id, (), node)
        else:
            self.bind(node.id, "del" if isinstance(node.ctx, ast.Del) else "other", node)

    def asks(self, attributes: Iterable[str]) -> None:
        """Note what is asked of a value, but for step bodies, which no workflow runs."""
        if not self.in_step:
            self.out.asks.setdefault((self.top, self.scope), set()).update(attributes)

    def note(self, name: str, attributes: tuple[str, ...], node: ast.expr) -> None:
        """Note a use of `name` with attributes."""
        if attributes:
            self.asks(attributes)
        self.out.uses.append(
            Use(
                self.scope, name, attributes, self.at or node,
                self.use, self.top, self.in_step, self.hint,
            )
        )  # fmt: skip

    def attribute(self, node: ast.Attribute) -> None:
        """Note a whole chain of attributes as one use."""
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
        """Visit a value and its key; in annotations some keys are types and some are values."""
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
        """Visit a call: what is called, and what it is given."""
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
        """Visit the terms of a long sum."""
        # A long sum leans to the left: go down it without a frame for each term.
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            self.visit(left.right)
            left = left.left
        self.visit(left)

    def compare(self, node: ast.Compare) -> None:
        """Visit a comparison. ``key in os.environ`` asks for a key as ``os.environ[key]`` does, and
        whether a name is None says nothing but what it is.
        """
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                self.out.firsts[right] = left
            left = right
        sides = [node.left, *node.comparators]
        is_none = all(isinstance(one, ast.Is | ast.IsNot) for one in node.ops) and any(
            isinstance(side, ast.Constant) and side.value is None for side in sides
        )
        if is_none and self.use != "annotation":
            named = [one for one in sides if isinstance(one, ast.Name | ast.Attribute)]
            self.under("isinstance", named)
            sides = [one for one in sides if one not in named]
        self.each(sides)

    def lambda_(self, node: ast.Lambda) -> None:
        """Open the scope of a lambda."""
        self.out.lambdas.append(node)
        self.each([*node.args.defaults, *node.args.kw_defaults])
        outer = self.open("lambda", node)
        self.parameters(node.args)
        self.under("read", (node.body,))
        self.scope = outer

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        """Open the scope of a comprehension."""
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
        """Bind a name in the scope around comprehensions."""
        self.visit(node.value)
        inner = self.scope
        while self.scope.kind == "comprehension" and self.scope.parent is not None:
            self.scope = self.scope.parent
        self.bind(node.target.id, "other", node.target)
        self.out.scope_of[node.target] = self.scope
        self.scope = inner
