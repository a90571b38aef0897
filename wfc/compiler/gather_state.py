"""State that outlives a run, written by code a workflow reaches (WFC331 to WFC333), and loops that
never end (WFC340).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from wfc.compiler.gather_names import Names
from wfc.compiler.scopes import FUNCTIONS, Binding
from wfc.manifests.registrations import WRITING

_CACHES: Final = frozenset({"functools.lru_cache", "functools.cache"})
_MUTABLE: Final = frozenset(
    {"builtins.list", "builtins.dict", "builtins.set", "builtins.bytearray"}
    | {"collections.deque", "collections.defaultdict", "collections.OrderedDict"}
    | {"collections.Counter", "collections.ChainMap"}
)
_DISPLAYS: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)

_ADVANCED: Final = frozenset(
    {"itertools.count", "itertools.cycle", "builtins.iter", "builtins.enumerate", "builtins.zip"}
    | {"builtins.map", "builtins.filter"}
)
"""What `next` moves on, so that the next run begins elsewhere."""
_UNDRAWN: Final = frozenset({"getstate"})
"""Methods of a random number generator that leave it as it is."""


class Write(NamedTuple):
    """A write to an object of a module: its dotted name, and where. `asks`: it is one only if the
    name, which comes from another module, holds a container.
    """

    target: str
    node: ast.expr
    asks: bool = False


def writes_of(node: ast.AST, names: Names) -> Iterator[Write]:
    """Give the writes to objects of the module that `node` itself makes."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            for target in targets:
                yield from _written(target, names)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            yield from _written(target, names)
        case ast.Call():
            yield from _by_call(node, names)


def _by_call(node: ast.Call, names: Names) -> Iterator[Write]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr=method)):
            found, bindings = _module_level(owner, names), _bindings(owner, names)
            writes = method in WRITING
            if found is None:
                return
            if all(binding.kind == "import" for binding in bindings):
                if writes:
                    yield Write(found, node, asks=True)
            elif (writes and holds_container(bindings, names)) or (
                method not in _UNDRAWN and _are_made_by(bindings, {"random.Random"}, names)
            ):
                yield Write(found, node)
        case ast.Call(func=ast.Attribute(value=ast.Attribute() as held, attr=method)):
            found = _of_class(held, names) if method in WRITING else None
            if found is not None:
                yield Write(found, node)
        case ast.Call(args=[ast.Name() as moved, *_]):
            found = _module_level(moved, names)
            advances = found is not None and names.resolve(node.func) == "builtins.next"
            if (
                found is not None
                and advances
                and _are_made_by(_bindings(moved, names), _ADVANCED, names)
            ):
                yield Write(found, node)


def _are_made_by(bindings: list[Binding], makers: Collection[str], names: Names) -> bool:
    """Tell whether a name is only ever bound to what these functions make."""
    return bool(bindings) and all(
        isinstance(one.value, ast.Call) and names.resolve(one.value.func) in makers
        for one in bindings
    )


def _of_class(held: ast.Attribute, names: Names) -> str | None:
    """Give the dotted name of a container that a class of this module holds for all its instances.

    ``self.seen`` means it too, if no method gives the instance one of its own; what a base or a
    decorator makes of the class, as pydantic does, is not known.
    """
    if not isinstance(held.value, ast.Name):
        return None
    own = names.scope_of(held.value).class_of(held.value.id)
    if own is not None:
        node = own.node
        plain = isinstance(node, ast.ClassDef) and not (node.bases or node.decorator_list)
        if not plain or (own, held.attr) in names.walked.members:
            return None
    else:
        meant = _module_level(held.value, names)
        scopes = (one for one in names.walked.scopes if one.kind == "class")
        own = next((one for one in scopes if f"{names.module}.{one.qualname}" == meant), None)
    if own is None or not holds_container(own.bindings.get(held.attr, []), names):
        return None
    return f"{names.module}.{own.qualname}.{held.attr}"


def _written(target: ast.expr, names: Names) -> Iterator[Write]:
    match target:
        case ast.Tuple() | ast.List():
            for element in target.elts:
                yield from _written(element, names)
        case ast.Subscript(value=base) | ast.Attribute(value=base):
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                found = _module_level(base, names)
                if found is not None:
                    yield Write(found, target)


def _module_level(name: ast.Name, names: Names) -> str | None:
    """Give the dotted name of what a name means, if a module holds it."""
    owner = names.scope_of(name).owner_of(name.id)
    if owner is None:
        return None
    kinds = {binding.kind for binding in owner.bindings[name.id]}
    if owner.kind != "module" and kinds != {"import"}:
        return None
    found = names.resolve(name)
    return None if found is None or found.startswith("builtins.") else found


def _bindings(name: ast.Name, names: Names) -> list[Binding]:
    owner = names.scope_of(name).owner_of(name.id)
    return owner.bindings[name.id] if owner is not None else []


def container_names(names: Names) -> Iterator[str]:
    """Give the module-level names that hold a container."""
    for name, bindings in names.walked.module.bindings.items():
        if holds_container(bindings, names):
            yield name


def holds_container(bindings: list[Binding], names: Names) -> bool:
    """Tell whether a name is bound to a list, a dict or another container that can change."""
    return bool(bindings) and all(_is_container(binding.value, names) for binding in bindings)


def _is_container(value: ast.expr | None, names: Names) -> bool:
    if isinstance(value, ast.Call):
        return names.resolve(value.func) in _MUTABLE
    return isinstance(value, _DISPLAYS)


def global_writes_of(node: ast.AST, names: Names) -> Iterator[tuple[str, ast.Global]]:
    """Give the names that a `global` statement lets its function bind."""
    if isinstance(node, ast.Global):
        scope = names.scope_of(node)
        module = names.walked.module
        for name in node.names:
            bound = [one for one in module.bindings.get(name, ()) if one.top < 0]
            if bound and scope.kind == "function":
                yield name, node


def caches_of(node: ast.AST, names: Names) -> Iterator[ast.expr]:
    """Give the decorators of a function that keep its results for the life of the process."""
    if isinstance(node, FUNCTIONS):
        for decorator in node.decorator_list:
            plain = decorator.func if isinstance(decorator, ast.Call) else decorator
            if names.resolve(plain) in _CACHES:
                yield decorator


def is_endless(node: ast.AST, names: Names) -> bool:
    """Tell whether a loop awaits for ever: no exit, and no `restart` that begins a chapter."""
    if not isinstance(node, ast.While) or not _is_true(node.test):
        return False
    inside = list(_own(node))
    if not any(isinstance(one, ast.Await | ast.AsyncWith | ast.AsyncFor) for one in inside):
        return False
    return not any(_exits(one, names) for one in inside) and not _breaks(node.body)


def _is_true(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def _own(node: ast.While) -> Iterator[ast.AST]:
    """Give what stands in a loop, but not in functions defined there."""
    pending: list[ast.AST] = list(node.body)
    while pending:
        one = pending.pop()
        yield one
        if not isinstance(one, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(one))


def _exits(node: ast.AST, names: Names) -> bool:
    match node:
        case ast.Return() | ast.Raise():
            return True
        case ast.Call(func=func):
            return names.resolve(func) in {"wfc.restart", "sys.exit", "builtins.exit"}
    return False


def _breaks(body: list[ast.stmt]) -> bool:
    """Tell whether a statement of a loop's body leaves that loop."""
    for statement in body:
        match statement:
            case ast.Break():
                return True
            case ast.For() | ast.AsyncFor() | ast.While():
                if _breaks(statement.orelse):
                    return True
            case ast.If() | ast.With() | ast.AsyncWith() | ast.Try() | ast.Match() | ast.TryStar():
                if any(_breaks(inner) for inner in _bodies(statement)):
                    return True
    return False


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body
