"""Values that are only ever sets, and the places where their order gets out (WFC310).

The order of a set depends on the hash seed, so a replay in another process may go through it in
another order. Sets of whole numbers keep one order; `sorted`, `len`, `min`, `max` and `in` do not
ask for any.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from wfc.compiler.gather_names import Names
from wfc.compiler.marks import own_nodes
from wfc.compiler.scopes import FUNCTIONS, Binding

_DEPTH_MAX: Final = 8
_MAKERS: Final = frozenset({"builtins.set", "builtins.frozenset"})
_TYPES: Final = frozenset(
    {"builtins.set", "builtins.frozenset", "typing.Set", "typing.FrozenSet", "typing.AbstractSet"}
    | {"collections.abc.Set", "collections.abc.MutableSet", "typing.MutableSet"}
)
_SET_METHODS: Final = frozenset(
    {"union", "intersection", "difference", "symmetric_difference", "copy"}
)
_SET_OPERATORS: Final = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_ORDERED_BY: Final = frozenset(
    {"builtins.list", "builtins.tuple", "builtins.enumerate", "builtins.iter", "builtins.zip"}
    | {"builtins.map", "builtins.filter", "itertools.chain", "itertools.islice"}
    | {"collections.deque", "builtins.dict.fromkeys"}
)
_INDIFFERENT: Final = frozenset(
    {"builtins.sorted", "builtins.len", "builtins.min", "builtins.max", "builtins.set"}
    | {"builtins.frozenset", "builtins.any", "builtins.all", "builtins.bool", "builtins.sum"}
    | {"collections.Counter", "math.fsum"}
)


Parent = Callable[[ast.AST], ast.AST | None]


class Escape(NamedTuple):
    """A place where the order of a set gets out; `exact`: certain, and it decides something.

    `target` names what another module must hold for it to be one.
    """

    node: ast.expr
    exact: bool
    target: str = ""


def escapes_of(node: ast.AST, names: Names, parent: Parent) -> Iterator[Escape]:
    """Give the sets whose order `node` itself brings out."""
    for one in _gone_through(node, names):
        target = _imported(one, names)
        if not target and not _is_set(one, names):
            continue
        if isinstance(node, ast.For | ast.AsyncFor):
            yield Escape(one, _awaits(node) or _leaves(node), target)
        elif not _is_indifferent(node, names, parent):
            yield Escape(one, _decides(node, names, parent), target)


def set_names(names: Names) -> Iterator[str]:
    """Give the module-level names that hold sets of other things than whole numbers; with ``()``
    behind it, a function that returns one.
    """
    for name, bindings in names.walked.module.bindings.items():
        if all(_binds_set(binding, names, 0) for binding in bindings):
            yield name
        elif all(_gives_set(binding.node, names) for binding in bindings):
            yield f"{name}()"


def _imported(node: ast.expr, names: Names) -> str:
    """Give the dotted name of what an import brought here; nobody here knows what it is. For what a
    function of there returns, ``()`` stands behind it.
    """
    call = node.value if isinstance(node, ast.Await) else node
    if isinstance(call, ast.Call):
        function = _imported(call.func, names)
        return f"{function}()" if function else ""
    if not isinstance(node, ast.Name | ast.Attribute):
        return ""
    first = node
    while isinstance(first, ast.Attribute):
        first = first.value  # type: ignore[assignment]  # anything else ends the loop
    if not isinstance(first, ast.Name):
        return ""
    owner = names.scope_of(first).owner_of(first.id)
    bindings = owner.bindings[first.id] if owner is not None else []
    if not bindings or any(binding.kind != "import" for binding in bindings):
        return ""
    return names.resolve(node) or ""


def _gone_through(node: ast.AST, names: Names) -> Iterator[ast.expr]:
    """Give the values that a node goes through from first to last."""
    match node:
        case ast.For(iter=value) | ast.AsyncFor(iter=value):
            yield value
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            for generator in node.generators:
                yield generator.iter
        case ast.Starred():
            yield node.value
        case ast.Call(func=ast.Attribute(attr="join"), args=[value, *_]):
            yield value
        case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]):
            yield value
        case ast.Call() if names.resolve(node.func) in _ORDERED_BY:
            yield from node.args


def _is_indifferent(node: ast.AST, names: Names, parent: Parent) -> bool:
    """Tell whether what goes through the set is given to a function that asks for no order."""
    above = parent(node)
    while isinstance(above, ast.Call) and above.func is not node:
        target = names.resolve(above.func)
        if target in _INDIFFERENT:
            return True
        if target not in _ORDERED_BY:
            return False
        node, above = above, parent(above)
    if isinstance(above, ast.Compare):
        return any(isinstance(operator, ast.In | ast.NotIn) for operator in above.ops)
    return isinstance(above, ast.comprehension) and isinstance(parent(above), ast.SetComp)


def _decides(node: ast.AST, names: Names, parent: Parent) -> bool:
    """Tell whether the order leaves by a return, or says in which order operations are asked."""
    if any(isinstance(inner, ast.Await) for inner in ast.walk(node)):
        return True
    above: ast.AST | None = node
    while above is not None and not isinstance(above, ast.stmt):
        if isinstance(above, ast.Await):
            return True
        if isinstance(above, ast.Call) and names.resolve(above.func) == "asyncio.gather":
            return True
        above = parent(above)
    return isinstance(above, ast.Return)


def _awaits(loop: ast.For | ast.AsyncFor) -> bool:
    return any(isinstance(inner, ast.Await) for part in loop.body for inner in ast.walk(part))


def _leaves(loop: ast.For | ast.AsyncFor) -> bool:
    """Tell whether the first element that fits is returned."""
    return any(isinstance(inner, ast.Return) for part in loop.body for inner in ast.walk(part))


# --- set-ness ------------------------------------------------------------------------------------


def _is_set(node: ast.expr, names: Names, depth: int = 0) -> bool:
    """Tell whether a value is a set of other things than whole numbers, whatever happens."""
    found = False
    match node:
        case _ if depth > _DEPTH_MAX:
            pass
        case ast.Set():
            found = not _has_numbers(node, names)
        case ast.SetComp():
            found = not _yields_numbers(node, names)
        case ast.Call() | ast.Await(value=ast.Call()):
            found = _is_made(node.value if isinstance(node, ast.Await) else node, names, depth)  # type: ignore[arg-type]  # a call, as the pattern says
        case ast.BinOp(left=left, op=operator) if isinstance(operator, _SET_OPERATORS):
            found = _is_set(left, names, depth + 1) or _is_view(left, names)
        case ast.IfExp(body=body, orelse=other):
            found = _is_set(body, names, depth + 1) and _is_set(other, names, depth + 1)
        case ast.Name(id=name):
            owner = names.scope_of(node).owner_of(name)
            bindings = owner.bindings[name] if owner is not None else []
            found = bool(bindings) and all(_binds_set(one, names, depth) for one in bindings)
    return found


def _is_view(node: ast.expr, names: Names) -> bool:
    """Tell whether a value is the keys of a dict, which are no set but give sets: ``a.keys() - b``.

    Whole numbers as keys keep their order in a set.
    """
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name() as table, attr="keys"), args=[]):
            return not any(_holds_ints(one, names) for one in _annotations_of(table, names))
    return False


def _is_number(node: ast.expr, names: Names) -> bool:
    """Tell whether a value is evidently a whole number."""
    match node:
        case ast.Constant(value=int()):
            return True
        case ast.UnaryOp(operand=operand):
            return _is_number(operand, names)
        case ast.BinOp(left=left, right=right):
            return _is_number(left, names) and _is_number(right, names)
        case ast.Call(func=ast.Name(id="int" | "len" | "ord")):
            return True
        case ast.Name():
            return any(_is_int_type(one, names) for one in _annotations_of(node, names))
    return False


def _is_made(call: ast.Call, names: Names, depth: int) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr in _SET_METHODS:
        return _is_set(call.func.value, names, depth + 1)
    target = names.resolve(call.func)
    if target not in _MAKERS:
        return target is not None and _returns_set(target, names)
    return bool(call.args) and not _has_numbers(call.args[0], names)


def _returns_set(target: str, names: Names) -> bool:
    """Tell whether a function of this module says that it returns a set, or does nothing else."""
    qualname = target.removeprefix(f"{names.module}.")
    return any(
        _gives_set(scope.node, names)
        for scope in names.walked.scopes
        if scope.kind == "function" and scope.qualname == qualname
    )


def _gives_set(function: ast.AST, names: Names) -> bool:
    if not isinstance(function, FUNCTIONS):
        return False
    if function.returns is not None:
        return _is_set_type(function.returns, names)
    body = list(own_nodes(function.body))
    values = [one.value for one in body if isinstance(one, ast.Return)]
    displays = (ast.Set, ast.SetComp)  # what needs no look at names, which could go round
    return bool(values) and all(
        isinstance(value, displays) and _is_set(value, names) for value in values
    )


def _has_numbers(node: ast.expr, names: Names) -> bool:
    """Tell whether the elements of a collection are evidently whole numbers."""
    match node:
        case ast.List() | ast.Tuple() | ast.Set():
            return all(_is_number(element, names) for element in node.elts)
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
            return _yields_numbers(node, names)
        case ast.Call(func=func):
            return names.resolve(func) == "builtins.range"
        case ast.Name():
            return any(_holds_ints(one, names) for one in _annotations_of(node, names))
    return False


def _yields_numbers(node: ast.ListComp | ast.GeneratorExp | ast.SetComp, names: Names) -> bool:
    if _is_number(node.elt, names):
        return True
    first = node.generators[0]
    same = isinstance(node.elt, ast.Name) and isinstance(first.target, ast.Name)
    return same and node.elt.id == first.target.id and _has_numbers(first.iter, names)  # type: ignore[attr-defined]  # both are names


def _annotations_of(node: ast.Name, names: Names) -> Iterator[ast.expr]:
    owner = names.scope_of(node).owner_of(node.id)
    for binding in owner.bindings[node.id] if owner is not None else ():
        if isinstance(binding.node, ast.arg) and binding.node.annotation is not None:
            yield binding.node.annotation
        if binding.node in names.walked.annotations:
            yield names.walked.annotations[binding.node]


def _holds_ints(annotation: ast.expr, names: Names) -> bool:
    match annotation:
        case ast.Subscript(slice=ast.Tuple(elts=[first, *_])):
            return _is_int_type(first, names)
        case ast.Subscript(slice=inner):
            return _is_int_type(inner, names)
    return False


def _is_int_type(annotation: ast.expr, names: Names) -> bool:
    return names.resolve(annotation) == "builtins.int"


def _binds_set(binding: Binding, names: Names, depth: int) -> bool:
    annotation = names.walked.annotations.get(binding.node)
    if annotation is not None and _holds_ints(annotation, names):
        return False
    if binding.node in names.walked.updates:
        return isinstance(names.walked.updates[binding.node], _SET_OPERATORS)
    match binding.kind, binding.node:
        case "assign", _ if binding.value is not None:
            return _is_empty(binding.value, names) or _is_set(binding.value, names, depth + 1)
        case "parameter", ast.arg(annotation=annotation) if annotation is not None:
            return _is_set_type(annotation, names)
    return False


def _is_empty(value: ast.expr, names: Names) -> bool:
    return isinstance(value, ast.Call) and not value.args and names.resolve(value.func) in _MAKERS


def _is_set_type(annotation: ast.expr, names: Names) -> bool:
    match annotation:
        case ast.Subscript(value=base):
            return names.resolve(base) in _TYPES and not _holds_ints(annotation, names)
        case ast.Name() | ast.Attribute():
            return names.resolve(annotation) in _TYPES
    return False
