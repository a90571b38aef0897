"""Extract the shape of a workflow: walk it in the order of execution and keep its operations.

Helpers are written out where they are called, with what is known of their arguments. What holds no
operation is left out, so an `if` that only computes leaves no trace: fingerprints tell of that.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from wfc.ids import DefinitionId, Site
from wfc.manifests.bundle import Entry
from wfc.manifests.expressions import digest_of
from wfc.manifests.operations import (
    ANY_WORD,
    GROUPS,
    LOOP_TIMERS,
    PARTIAL,
    SCOPES,
    TASKS,
    TIMERS,
    TIMES,
    TO_THREAD,
    Operation,
    operation_of,
    plain_name,
)
from wfc.manifests.places import ANY, Candidates, Place, Places
from wfc.manifests.scopes import Comprehension
from wfc.manifests.shape import INNER, Node

_NODES_MAX: Final = 20_000
"""Beyond this many operations helpers are no longer written out: helpers that call helpers twice
would double the shape with each level."""
_MAPS: Final = frozenset({"builtins.map", "itertools.starmap"})
_NEVER_CALLING: Final = ("*", "builtins.", "inspect.", "typing.", "logging.")
"""How names begin of what calls no function that it is given."""
_POSITIONAL: Final = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
_LEFT_OUT: Final = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


@dataclass(frozen=True, slots=True)
class Shaped:
    """The shape of a workflow, and what each of its call places asks for."""

    root: Node
    asked: Mapping[tuple[str, str], Mapping[str, str | None]]
    """By module and place, the words of the operations asked for there, and their `args`."""


def shape_of(workflow: DefinitionId, places: Places) -> Shaped:
    """Give the shape of a workflow; its root is a ``seq``."""
    module, _, qualname = workflow.partition(":")
    unit = places.library.unit(module)
    if unit is None:
        raise KeyError(workflow)
    walk = _Walk(Place(places, unit, qualname))
    walk.chain.append(workflow)
    return Shaped(Node(kind="seq", parts=tuple(walk.body(walk.place.node.body))), walk.told.asked)


@dataclass(slots=True)
class _Told:
    """What a walk has found so far, over all functions."""

    asked: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict)
    count: int = 0


class _Walk:
    """Walks one function; helpers are walked by walks of their own, which share `told`."""

    def __init__(self, place: Place, told: _Told | None = None, chain: Sequence[str] = ()) -> None:
        self.place = place
        self.told = told or _Told()
        self.chain = list(chain)
        self.text = place.expressions
        self.consumers: dict[ast.expr, ast.Call] = {}
        """By argument, the call that goes through it: what a `map` calls is called there."""
        self.is_beside = False
        """Whether what is called runs beside other things: nobody awaits the call itself."""
        self.used_in: tuple[ast.AST, int] | None = None
        """The value of the statement that is walked, and how many scopes it stands in."""

    # --- statements ---

    def body(self, statements: Iterable[ast.AST]) -> list[Node]:
        """Give the operations of statements or expressions, in order."""
        return [node for one in statements for node in self.visit(one)]

    def branch(self, statements: Iterable[ast.AST]) -> Node:
        """Give the operations of a branch as one node, which may be empty."""
        return _seq(self.body(statements))

    def visit(self, node: ast.AST) -> list[Node]:
        """Give the operations of a node."""
        if isinstance(node, ast.stmt):
            value = getattr(node, "value", None)
            self.used_in = None if value is None else (value, len(self.text.scopes))
        visitor = self._VISITORS.get(type(node))
        if visitor is not None:
            return visitor(self, node)
        return self.body(
            one for one in ast.iter_child_nodes(node) if not isinstance(one, _LEFT_OUT)
        )

    def _nothing(self, _node: ast.AST) -> list[Node]:
        return []

    def _assign(self, node: ast.Assign | ast.NamedExpr) -> list[Node]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return self.body([node.value, *targets])

    def _declared(self, node: ast.AnnAssign) -> list[Node]:
        return self.body([*([node.value] if node.value else []), node.target])

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[Node]:
        # Written out where it is called or handed on; a step in here is its stub.
        defaults = [one for one in (*node.args.defaults, *node.args.kw_defaults) if one is not None]
        return self.body([*node.decorator_list, *defaults])

    def _class(self, node: ast.ClassDef) -> list[Node]:
        return self.body([*node.decorator_list, *node.bases])

    def _lambda(self, node: ast.Lambda) -> list[Node]:
        self.text.enter(node)
        try:
            return self.visit(node.body)
        finally:
            self.text.leave()

    def _if(self, node: ast.If | ast.IfExp) -> list[Node]:
        before = self.visit(node.test)
        body, orelse = (
            (node.body, node.orelse) if isinstance(node, ast.If) else ([node.body], [node.orelse])
        )
        parts = (self.branch(body), self.branch(orelse))
        return [*before, *self._deciding("if", parts, self.text.digest(node.test))]

    def _either(self, node: ast.BoolOp) -> list[Node]:
        before = self.visit(node.values[0])
        parts = (self.branch(node.values[1:]), _seq([]))
        test = digest_of(type(node.op).__name__ + self.text.digest(node.values[0]))
        return [*before, *self._deciding("if", parts, test)]

    def _match(self, node: ast.Match) -> list[Node]:
        before = self.visit(node.subject)
        parts = tuple(
            self.branch([*([case.guard] if case.guard else []), *case.body]) for case in node.cases
        )
        decides: list[ast.AST] = [node.subject]
        for case in node.cases:
            decides += [case.pattern, *([case.guard] if case.guard else [])]
        return [*before, *self._deciding("if", parts, self.text.digest(*decides))]

    def _while(self, node: ast.While) -> list[Node]:
        # The test is asked again on each turn, so what it asks for stands inside.
        parts = (self.branch([node.test, *node.body]), self.branch(node.orelse))
        return self._deciding("loop", parts, self.text.digest(node.test))

    def _for(self, node: ast.For | ast.AsyncFor) -> list[Node]:
        before = self.visit(node.iter)
        parts = (self.branch([node.target, *node.body]), self.branch(node.orelse))
        return [*before, *self._deciding("each", parts, self.text.digest(node.iter))]

    def _comprehension(self, node: Comprehension) -> list[Node]:
        first = node.generators[0].iter
        before = self.visit(first)
        test = self.text.digest(first)
        self.text.enter_comprehension(node)
        try:
            inner: list[ast.AST] = []
            for index, one in enumerate(node.generators):
                inner += [*([one.iter] if index else []), *one.ifs]
            made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            test = digest_of("".join([test, *map(self.text.digest, inner)]))
            body = self.branch([*inner, *made])
        finally:
            self.text.leave()
        return [*before, *self._deciding("each", (body,), test)]

    def _with(self, node: ast.With | ast.AsyncWith) -> list[Node]:
        called = [
            self.place.callee(one.context_expr)
            for one in node.items
            if isinstance(one.context_expr, ast.Call)
        ]
        # `_call` makes nodes of the calls; here it is only about what holds the body.
        inside = [found for one in node.items for found in self._entered(one)]
        inside += self.body(node.body)
        if not inside:
            return []
        group = next((name for name in called if name in GROUPS), None)
        if group is not None:
            return [Node(kind="par", name=group, parts=tuple(inside))]
        if isinstance(node, ast.With):
            return inside
        return [Node(kind="scope", name=called[0] if called else None, parts=tuple(inside))]

    def _entered(self, item: ast.withitem) -> list[Node]:
        """Give the operations of a context; a timeout or group holds what stands in the body."""
        value = item.context_expr
        if isinstance(value, ast.Call) and self.place.callee(value) in (*TIMERS, *GROUPS):
            return self._timed(value, self.place.callee(value))
        return self.visit(value)

    def _try(self, node: ast.Try | ast.TryStar) -> list[Node]:
        parts = (
            self.branch(node.body),
            *(self.branch(handler.body) for handler in node.handlers),
            self.branch(node.orelse),
            self.branch(node.finalbody),
        )
        if not any(map(_holds, parts)):
            return []
        types = tuple(self._caught(handler) for handler in node.handlers)
        return [Node(kind="try", types=types, parts=parts)]

    def _caught(self, handler: ast.ExceptHandler) -> str:
        if handler.type is None:
            return "*"
        several = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        return " | ".join(sorted(self.place.meaning(one) or "?" for one in several))

    def _deciding(self, kind: str, parts: tuple[Node, ...], test: str) -> list[Node]:
        if not any(map(_holds, parts)):
            return []
        return [Node(kind=kind, test=test, parts=parts)]

    # --- expressions ---

    def _await(self, node: ast.Await) -> list[Node]:
        if isinstance(node.value, ast.Call):
            return self._call(node.value, awaited=True)
        return self.visit(node.value)

    def _name(self, node: ast.Name | ast.Attribute) -> list[Node]:
        """Give what a function that is handed on as a value will ask for."""
        if isinstance(node, ast.Attribute):
            inner = self.visit(node.value)
            if inner:
                return inner
        meaning = self.place.meaning(node) if isinstance(node.ctx, ast.Load) else None
        function = self.place.places.function(meaning) if meaning is not None else None
        if function is None or self.place.places.entry(meaning or "") is not None:
            return []
        return self._helper(function, {})

    def _call(self, node: ast.Call, *, awaited: bool = False) -> list[Node]:  # noqa: PLR0911 - one for each kind
        callee = self.place.callee(node)
        self._note_consumed(node)
        if callee == TO_THREAD and node.args:
            return self._called(node, self.place.candidates(node.args[0]), awaited=awaited, skip=1)
        entry = self.place.places.entry(callee)
        if entry is not None:
            return self._marked(node, entry, awaited=awaited)
        if callee.startswith("wfc.start.options"):
            return self._start(node, awaited=awaited)
        operation = operation_of(callee)
        if operation is not None:
            return self._operation(node, operation, awaited=awaited)
        special = self._special(node, callee)
        if special is not None:
            return special
        function = self.place.places.function(callee)
        if function is not None:
            return [*self._arguments(node), *self._helper(function, self._given(node, function))]
        return self._unknown(node, callee, awaited=awaited)

    def _note_consumed(self, node: ast.Call) -> None:
        """Note what a call takes apart itself: an argument, or ``*values`` if it is the only one.

        Several ``*`` are put together before the call, at no place that has a name.
        """
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                self.consumers[argument] = node
            elif len(node.args) == 1:
                self.consumers[argument.value] = node

    def _marked(self, node: ast.Call, entry: Entry, *, awaited: bool) -> list[Node]:
        if entry.kind == "step":
            return self._called(node, frozenset({entry.id}), awaited=awaited)
        module, _, qualname = entry.id.partition(":")
        unit = self.place.places.library.unit(module)
        if unit is None:
            return self._arguments(node)
        function = Place(self.place.places, unit, qualname)
        return [*self._arguments(node), *self._helper(function, self._given(node, function))]

    def _special(self, node: ast.Call, callee: str) -> list[Node] | None:
        """Give what the names of asyncio make of their arguments; None for any other call."""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if callee in TASKS or (method == "create_task" and "create_task" in callee):
            inner = self._beside(lambda: self._arguments(node))
            return [Node(kind="task", parts=tuple(inner))] if inner else []
        if callee in GROUPS:
            return self._beside(lambda: self._group(node, callee))
        if callee in SCOPES:
            inner = self._beside(lambda: self._timed(node, callee))
            return [Node(kind="scope", name=callee, parts=tuple(inner))] if inner else []
        if method in LOOP_TIMERS and not self.place.places.function(callee):
            operation = Operation("wait", f"asyncio.{method}", "timer", ("delay", "callback"))
            return self._operation(node, operation, awaited=False)
        return None

    def _beside(self, walk: Callable[[], list[Node]]) -> list[Node]:
        before, self.is_beside = self.is_beside, True
        try:
            return walk()
        finally:
            self.is_beside = before

    def _group(self, node: ast.Call, callee: str) -> list[Node]:
        """Make a `par`, one part for each argument that holds operations."""
        parts = self._timer(node, callee)
        for argument in (*node.args, *(one.value for one in node.keywords)):
            several = argument.elts if isinstance(argument, (ast.List, ast.Tuple, ast.Set)) else ()
            for one in several or (argument,):
                branch = self.branch([one])
                parts += [branch] if _holds(branch) else []
        return [Node(kind="par", name=callee, parts=tuple(parts))] if parts else []

    def _timed(self, node: ast.Call, callee: str) -> list[Node]:
        return [*self._timer(node, callee), *self._arguments(node)]

    def _timer(self, node: ast.Call, callee: str) -> list[Node]:
        """Give the wait of a call that may be given a time."""
        names = TIMERS.get(callee)
        if names is None:
            return []
        given = dict(zip(names, node.args, strict=False))
        given.update({one.arg: one.value for one in node.keywords if one.arg is not None})
        time = next((given[name] for name in TIMES if name in given), None)
        if time is None or (isinstance(time, ast.Constant) and time.value is None):
            return []
        word = callee.rpartition(".")[2]
        args = digest_of(f"time={self.text.fresh(time)}")
        return [self._leaf(node, Operation("wait", callee, word), args)]

    def _drawn(self, args: str) -> str:
        """Tell a draw by what becomes of it: most have no arguments, and one that is added above
        another must not be taken for it, or the run would see another value.
        """
        if self.used_in is None or self.used_in[1] != len(self.text.scopes):
            return args
        return digest_of(f"{args} {self.text.fresh(self.used_in[0])}")

    def _operation(self, node: ast.Call, operation: Operation, *, awaited: bool) -> list[Node]:
        inner = self._arguments(node)
        if operation.kind == "child":
            return self._start(node, awaited=awaited)
        if operation.callee == "random.Random" and (node.args or node.keywords):
            return inner  # seeded by the program itself
        args = self.text.arguments(node, operation.parameters)
        if operation.kind == "draw":
            args = self._drawn(args)
        leaf = self._leaf(node, operation, args)
        if operation.kind in {"wait", "attr", "restart", "hook", "webhook"}:
            leaf = replace(leaf, awaited=awaited)
        return [*inner, leaf]

    def _start(self, node: ast.Call, *, awaited: bool) -> list[Node]:
        """Make the leaf of a child run, of ``start(f, ...)`` and ``start.options(...)(f, ...)``."""
        options: list[tuple[str, ast.expr]] = []
        if isinstance(node.func, ast.Call):
            options = [(f"options.{one.arg or '**'}", one.value) for one in node.func.keywords]
        elif self.place.callee(node) != "wfc.start":
            return self._arguments(node)
        child = self.place.meaning(node.args[0]) if node.args else None
        entry = self.place.places.entry(child) if child is not None else None
        names = () if entry is None else _positional(entry)
        arguments = ast.Call(node.func, node.args[1:], node.keywords)
        args = self.text.arguments(
            arguments, names, options, callee=entry.id if entry is not None else ""
        )
        operation = Operation("child", entry.id if entry is not None else "?", "start")
        leaf = replace(self._leaf(node, operation, args), awaited=awaited)
        return [*self._arguments(node), leaf]

    def _called(
        self, node: ast.Call, candidates: Candidates, *, awaited: bool, skip: int = 0
    ) -> list[Node]:
        """Make the leaf of a step call; `skip` arguments stand before those of the step."""
        inner = self._arguments(node)
        if not candidates or (candidates == ANY and not self._runs(awaited=awaited)):
            return inner
        entries = [self.place.places.library.entries.get(DefinitionId(one)) for one in candidates]
        only = entries[0] if len(entries) == 1 else None
        if only is None:
            args = self.text.arguments(node, ())
            return [*inner, self._dynamic(node, candidates, args, awaited=awaited)]
        call = ast.Call(node.func, node.args[skip:], node.keywords) if skip else node
        args = self.text.arguments(call, _positional(only), callee=only.id)
        operation = Operation("step", only.id, _last(only.qualname))
        return [*inner, replace(self._leaf(node, operation, args), awaited=awaited)]

    def _dynamic(self, node: ast.Call, candidates: Candidates, args: str, *, awaited: bool) -> Node:
        """Make the leaf of a call that may come to several steps, each under its own word."""
        words = sorted({_last(one) for one in candidates - ANY})
        word = words[0] if len(candidates) == 1 and words else ANY_WORD
        leaf = self._leaf(node, Operation("dynamic", "?", word), args)
        for one in words:
            self._ask(node, one, args)
        return replace(leaf, callee=None, candidates=tuple(sorted(candidates)), awaited=awaited)

    def _unknown(self, node: ast.Call, callee: str, *, awaited: bool) -> list[Node]:
        """Give what a call of nobody knows what may come to: a step out of a dict, of a `map`."""
        if callee in _MAPS and node.args:
            return self._mapped(node)
        if isinstance(node.func, ast.Attribute) and callee.startswith("*"):
            found = frozenset(one.id for one in self.place.methods(node.func))
            if found and self._runs(awaited=awaited):
                return self._called(node, found, awaited=awaited)
        candidates = self.place.candidates(node.func)
        if candidates:
            if not isinstance(node.func, ast.Subscript):
                return self._called(node, candidates, awaited=awaited)
            if candidates != ANY or self._runs(awaited=awaited):
                args = self.text.arguments(node, ())
                leaf = self._dynamic(node, candidates, args, awaited=awaited)
                return [*self._arguments(node), leaf]
        is_idle = callee == PARTIAL or callee.startswith(_NEVER_CALLING)
        handed = [] if is_idle else [one for one in node.args if self._is_step(one)]
        bare = [self._bare(self.place.candidates(one)) for one in handed]
        return [*self.visit(node.func), *self._arguments(node), *bare]

    def _runs(self, *, awaited: bool) -> bool:
        return awaited or self.is_beside

    def _mapped(self, node: ast.Call) -> list[Node]:
        """Make a step that `map` calls once for each of some values, at no place of its own."""
        inner = self._arguments(node)
        candidates = self.place.candidates(node.args[0])
        if not candidates:
            return inner
        test = self.text.digest(*node.args[1:]) if node.args[1:] else digest_of("")
        consumer = self.consumers.get(node)
        if consumer is None:
            leaf = self._bare(candidates)
        else:
            args = self.text.arguments(node, ())
            leaf = self._dynamic(consumer, candidates, args, awaited=False)
        return [*inner, Node(kind="each", test=test, parts=(_seq([leaf]),))]

    def _is_step(self, node: ast.expr) -> bool:
        meaning = self.place.meaning(node)
        entry = self.place.places.entry(meaning) if meaning is not None else None
        return entry is not None and entry.kind == "step"

    def _bare(self, candidates: Candidates) -> Node:
        """Make the leaf of a step that library code calls: its site is the bare name."""
        self.told.count += 1
        known = sorted(candidates)
        site = _last(known[0]) if len(known) == 1 else ANY_WORD
        return Node(kind="dynamic", site=Site(site), candidates=tuple(known), awaited=False)

    # --- helpers ---

    def _arguments(self, node: ast.Call) -> list[Node]:
        inner = self.body([*node.args, *(one.value for one in node.keywords)])
        if isinstance(node.func, ast.Attribute):
            return [*self.visit(node.func.value), *inner]
        return [*self.visit(node.func), *inner] if isinstance(node.func, ast.Call) else inner

    def _given(self, node: ast.Call, function: Place) -> dict[str, Candidates]:
        """Give the steps that a call hands to the parameters of a function."""
        arguments = function.node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        is_bound = isinstance(node.func, ast.Attribute) and names[:1] in (["self"], ["cls"])
        named = dict(zip(names[1:] if is_bound else names, node.args, strict=False))
        named.update({one.arg: one.value for one in node.keywords if one.arg is not None})
        found: dict[str, Candidates] = {}
        for name, value in named.items():
            steps = self.place.candidates(value) or self.place.contents(value)
            # What is known to be no step must not look like one that nobody knows.
            if steps or self._is_known(value):
                found[name] = steps
        for name, default in function.defaults.items():
            if name not in named:
                found.setdefault(name, function.candidates(default))
        return found

    def _is_known(self, node: ast.expr) -> bool:
        is_value = isinstance(node, (ast.Constant, ast.Lambda, ast.JoinedStr))
        return is_value or self.place.meaning(node) is not None

    def _helper(self, function: Place, given: Mapping[str, Candidates]) -> list[Node]:
        """Write out a function where it is called; nothing if it holds no operation."""
        if function.id in self.chain or self.told.count > _NODES_MAX:
            return [Node(kind="again", name=function.id)]
        place = replace(function, given=given)
        walk = _Walk(place, self.told, (*self.chain, function.id))
        inner = walk.body(place.node.body)
        if not any(_holds(one, but=function.id) for one in inner):
            return []
        return [Node(kind="helper", name=function.id, parts=tuple(inner))]

    def _leaf(self, node: ast.Call, operation: Operation, args: str) -> Node:
        self.told.count += 1
        site = self._ask(node, operation.word, args)
        return Node(kind=operation.kind, site=site, callee=operation.callee, args=args)

    def _ask(self, node: ast.Call, word: str, args: str) -> Site:
        place = self.place.site(node).place
        self.told.asked.setdefault((self.place.unit.module, place), {})[word] = args
        return Site(f"{word}~{place}")

    _VISITORS: ClassVar[Mapping[type[ast.AST], Callable[..., list[Node]]]] = {
        ast.Name: _name,
        ast.Attribute: _name,
        ast.Constant: _nothing,
        ast.Import: _nothing,
        ast.ImportFrom: _nothing,
        ast.Global: _nothing,
        ast.Nonlocal: _nothing,
        ast.Assign: _assign,
        ast.NamedExpr: _assign,
        ast.AnnAssign: _declared,
        ast.FunctionDef: _definition,
        ast.AsyncFunctionDef: _definition,
        ast.ClassDef: _class,
        ast.Lambda: _lambda,
        ast.If: _if,
        ast.IfExp: _if,
        ast.BoolOp: _either,
        ast.Match: _match,
        ast.While: _while,
        ast.For: _for,
        ast.AsyncFor: _for,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.DictComp: _comprehension,
        ast.GeneratorExp: _comprehension,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.Try: _try,
        ast.TryStar: _try,
        ast.Await: _await,
        ast.Call: _call,
    }


def word_of(callee: str, entry: Entry | None) -> str:
    """Give the word in the site of a call of which the shape says nothing."""
    if entry is not None and entry.kind == "step":
        return _last(entry.qualname)
    operation = operation_of(plain_name(callee))
    return operation.word if operation is not None else callee.rpartition(".")[2]


def _positional(entry: Entry) -> tuple[str, ...]:
    """Name the parameters by which positional arguments of a call are recorded."""
    names = tuple(one.name for one in entry.signature.parameters if one.kind in _POSITIONAL)
    return names[1:] if entry.receiver.value != "none" else names


def _last(identity: str) -> str:
    return identity.rpartition(":")[2].rpartition(".")[2]


def _seq(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Node(kind="seq", parts=tuple(nodes))


def _holds(node: Node, *, but: str = "") -> bool:
    """Tell whether a node asks for anything; a recursion into the helper `but` does not count."""
    if node.kind == "again":
        return node.name != but
    if node.kind in INNER:
        return any(_holds(part, but=but) for part in node.parts)
    return True
