"""Gather each name's origin: imports, module-level symbols, and what every use refers to.

`Names` answers what a name means where it stands; the functions below it turn all answers into
the facts that shaking and judging follow.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from wfc.compiler.facts import Import, ModuleSource, Reference, Symbol
from wfc.compiler.scopes import HINT, NEVER, RUN_TIME, Binding, Chain, Scope, Use, Walked
from wfc.compiler.spans import span_of, whole_span_of
from wfc.compiler.values import member_of
from wfc.compiler.walk_names import walk
from wfc.ids import ModuleName
from wfc.manifests.registrations import Registration

_BUILTINS: Final = frozenset(dir(builtins)) | {"__file__", "__path__", "__cached__"}
"""What a name may mean that nothing binds; Python tells every module where it lies."""
_DEFINED: Final = frozenset({"import", "function", "class"})
_ALIASES_MAX: Final = 8
_KEYED: Final = frozenset(
    {"os.environ", "os.environ.get", "os.environ.pop", "os.environ.setdefault", "os.getenv"}
    | {"asyncio.to_thread", "asyncio.threads.to_thread"}
    | {"asyncio.AbstractEventLoop.run_in_executor", "random.Random"}
)
_NOBODY: Final = Scope("module", ast.Module([], []), None, "")


class Names:
    """What names mean in one module."""

    def __init__(self, module: ModuleName, walked: Walked) -> None:
        """Answer for `module` by what one walk has found."""
        self.module = module
        self.walked = walked
        self.stars = tuple(
            source for _, alias, _, source, _, _ in walked.imports if alias.name == "*"
        )

    @classmethod
    def of(
        cls,
        tree: ast.Module,
        source: ModuleSource,
        kinds: Mapping[ast.AST, str] | None = None,
        evaluated: frozenset[ast.expr] = frozenset(),
    ) -> Names:
        """Walk `tree`; `kinds` says which of its functions are marked, and as what, `evaluated`
        which decorators of steps workflow bundles keep.
        """
        walked = walk(
            tree,
            source.name,
            kinds or {},
            is_package=source.is_package,
            stars=source.stars,
            evaluated=evaluated,
        )
        return cls(source.name, walked)

    def scope_of(self, node: ast.AST) -> Scope:
        """Give the scope in which `node` is evaluated (constants have none of their own)."""
        return self.walked.scope_of.get(node, _NOBODY)

    def scopes_in(self, node: ast.AST) -> frozenset[Scope]:
        """Give the scope that `node` opens and all scopes inside it."""
        found: set[Scope] = set()
        for scope in self.walked.scopes:  # outer scopes come first
            opened = scope.node is node and scope.kind != "type"
            if opened or (scope.parent in found):
                found.add(scope)
        return frozenset(found)

    def uses_in(self, node: ast.AST) -> list[Use]:
        """Give the uses that running the body of `node` evaluates."""
        inside = self.scopes_in(node)
        return [use for use in self.walked.uses if use.scope in inside and use.hint == RUN_TIME]

    def enclosing(self, node: ast.AST) -> str:
        """Give the qualname, without ``<locals>``, of the innermost `def` around `node`, or ""."""
        function = self.scope_of(node).function()
        return function.qualname if function is not None else ""

    def resolve(self, node: ast.expr) -> str | None:
        """Give the dotted name that a chain of names means where it stands.

        An import's target with attributes (``time.sleep``), a symbol of this module
        (``app.billing.RATE``), a nested function or class (``app.billing.checkout.charge``), a
        builtin (``builtins.open``); simple aliases are followed. None: a parameter, another local
        value, or an unknown name.
        """
        found = self.resolve_exactly(node)
        return found[0] if found is not None else None

    def resolve_exactly(self, node: ast.expr) -> tuple[str, bool] | None:
        """Give also whether the answer is certain: bound by import or definition, never rebound."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        answers = self.meanings(self.scope_of(node), node.id)
        if not answers:
            return None
        target, exact = answers[0]
        return ".".join([target, *reversed(attributes)]), exact

    def meanings(self, scope: Scope, name: str, depth: int = 0) -> list[tuple[str, bool]]:
        """Give every target that `name` may mean in `scope`, each with its certainty."""
        owner = scope.owner_of(name)
        if owner is None:
            return self._unbound(name)
        bindings = owner.bindings[name]
        real = _at_run_time(bindings) or bindings
        alias = self._alias(real, depth)
        if alias:
            return alias
        imported = dict.fromkeys(binding.target for binding in real if binding.kind == "import")
        if imported:
            alone = len(imported) == 1 and all(binding.kind == "import" for binding in real)
            return [(str(target), alone) for target in imported]
        # A local value that is no definition has no name that anybody else could know.
        if owner.kind == "module" or any(binding.kind in _DEFINED for binding in real):
            own = ".".join(part for part in (self.module, owner.qualname, name) if part)
            return [(own, len(real) == 1)]
        return []

    def _unbound(self, name: str) -> list[tuple[str, bool]]:
        if name in _BUILTINS:
            return [(f"builtins.{name}", not self.stars)]
        return [(f"{star}.{name}", False) for star in self.stars]

    def _alias(self, real: list[Binding], depth: int) -> list[tuple[str, bool]]:
        """Follow ``now = time.time`` to what it names; a name bound once only."""
        if len(real) != 1 or real[0].kind != "assign" or depth > _ALIASES_MAX:
            return []
        value, attributes = real[0].value, list[str]()
        while isinstance(value, ast.Attribute):
            attributes.append(value.attr)
            value = value.value
        if not isinstance(value, ast.Name) or (value.id == getattr(real[0].node, "id", "")):
            return []
        behind = self.meanings(self.scope_of(value), value.id, depth + 1)
        if behind and behind[0][0].startswith("builtins.__"):
            return []  # what Python tells a module about itself is data, read once
        return [(".".join([target, *reversed(attributes)]), False) for target, _ in behind]


def imports_of(names: Names) -> tuple[Import, ...]:
    """Give every name that an import binds, at module level and in functions."""
    return tuple(
        Import(
            name=alias.asname or (alias.name.partition(".")[0] if plain else alias.name),
            target=target,
            module=module,
            span=span_of(statement),
            scope=scope.qualname,
            typing_only=typing_only,
        )
        for statement, alias, target, module, scope, typing_only in names.walked.imports
        for plain in (isinstance(statement, ast.Import),)
    )


def symbols_of(
    tree: ast.Module, names: Names, registrations: Iterable[Registration] = ()
) -> tuple[Symbol, ...]:
    """Give the module-level names, the statements that bind or fill them, and what those need."""
    filled: dict[str, set[str]] = {}
    for one in registrations:
        if one.bound is not None:
            filled.setdefault(one.into, set()).add(one.bound)
    module = names.walked.module
    needed, hinted = _needs(names)
    tops: dict[str, list[int]] = {}
    for name, bindings in module.bindings.items():
        tops[name] = [binding.top for binding in bindings if binding.top >= 0]
    for top, touched in names.walked.touched.items():
        for name in touched:
            if name in tops and not _is_imported(module.bindings[name]):
                tops[name].append(top)
    found = []
    for name, unsorted in tops.items():
        kept = sorted(set(unsorted) - names.walked.main_blocks)
        uses = frozenset[str]().union(*(needed.get(top, frozenset()) for top in kept))
        hints = frozenset[str]().union(*(hinted.get(top, frozenset()) for top in kept)) - uses
        found.append(
            Symbol(
                name=name,
                kind=_symbol_kind(module.bindings[name]),
                spans=tuple(whole_span_of(tree.body[top]) for top in kept),
                uses=(uses | hints | filled.get(name, frozenset())) - {name},
                hints=hints - {name},
            )
        )
    return tuple(found)


def references_of(
    names: Names,
    registrations: Iterable[Registration] = (),
    agents: Collection[str] = (),
) -> tuple[Reference, ...]:
    """Give every use of an import, a builtin or a module-level name, in source order.

    What is registered in an object is used by whoever uses the object, probably; by `agents`,
    surely.
    """
    within = bound_by(names)
    found = [
        reference
        for use in names.walked.uses
        for reference in _references(names, use, within.get(use.top, ("",)))
    ]
    found += [
        reference
        for chain in names.walked.chains
        for symbol in within.get(chain.top, ("",))
        for reference in _member(names, chain, symbol)
    ]
    found += [
        Reference(
            target=f"{names.module}.{one.bound}",
            span=span_of(one.node),
            within=one.into,
            function="",
            use="register",
            exact=one.into in agents,
        )
        for one in registrations
        if one.bound is not None
    ]
    found.sort(key=lambda reference: reference.span)
    return tuple(found)


def _member(names: Names, use: Use | Chain, symbol: str) -> Iterator[Reference]:
    """Give the use of a member of a value, if it is known what the value is an instance of."""
    found = member_of(use.node, names)
    # Members of first-party classes come with their class: whoever made the value reaches it.
    if found is None or found.of.startswith(f"{names.module}."):
        return
    function = use.scope.function()
    yield Reference(
        target=found.name,
        span=span_of(use.node),
        within=symbol,
        function=function.qualname if function is not None else "",
        use=use.use,
        exact=found.exact,
        in_step=use.in_step,
        of=found.of,
        key=_key(names, use.node, found.name),
    )


def _references(names: Names, use: Use, within: tuple[str, ...]) -> Iterator[Reference]:
    owner = use.scope.owner_of(use.name)
    if use.attributes and owner is not None and owner.bindings[use.name][0].kind not in _DEFINED:
        for symbol in within:
            yield from _member(names, use, symbol)
    if owner is not None and owner.kind != "module":
        kinds = {binding.kind for binding in owner.bindings[use.name]}
        if not kinds & {"import", "assign"}:
            return
    function = use.scope.function()
    # A name that nothing binds: a star import does, or nothing at all.
    starred = owner is None and use.name not in _BUILTINS
    for target, exact in names.meanings(use.scope, use.name):
        whole = ".".join([target, *use.attributes])
        for symbol in within:
            yield Reference(
                target=whole,
                span=span_of(use.node),
                within=symbol,
                function=function.qualname if function is not None else "",
                use=use.use,
                exact=exact,
                in_step=use.in_step,
                starred=starred,
                key=_key(names, use.node, whole),
            )


def _key(names: Names, node: ast.expr, target: str) -> str | None:
    """Give what the verdict on a use also depends on: a variable's name, a function in a thread."""
    first = names.walked.firsts.get(node) if target in _KEYED else None
    match first:
        case ast.Constant(value=str(text)):
            return text
        case ast.Lambda():
            return ""
        case ast.Name() | ast.Attribute() if "thread" in target or "executor" in target:
            return names.resolve(first)
    return "" if first is not None and target.startswith(("os.", "random.")) else None


def _needs(names: Names) -> tuple[dict[int, frozenset[str]], dict[int, frozenset[str]]]:
    """Give, by top-level statement, the module-level names it needs and those it only annotates."""
    module = names.walked.module
    needed: dict[int, set[str]] = {}
    hinted: dict[int, set[str]] = {}
    for use in names.walked.uses:
        if use.in_step or use.hint == NEVER or use.scope.owner_of(use.name) is not module:
            continue
        where = hinted if use.hint == HINT else needed
        where.setdefault(use.top, set()).add(use.name)
    return (
        {top: frozenset(found) for top, found in needed.items()},
        {top: frozenset(found) for top, found in hinted.items()},
    )


def bound_by(names: Names) -> dict[int, tuple[str, ...]]:
    """Give, by top-level statement, the names it binds; or else those it fills."""
    found: dict[int, list[str]] = {}
    for name, bindings in names.walked.module.bindings.items():
        for binding in bindings:
            if binding.top >= 0 and name not in found.setdefault(binding.top, []):
                found[binding.top].append(name)
    for top, touched in names.walked.touched.items():
        filled = [
            name
            for name in sorted(touched)
            if not _is_imported(names.walked.module.bindings.get(name, []))
        ]
        if filled and top not in found:
            found[top] = filled
    return {
        top: tuple(bound)
        for top, bound in found.items()
        if top not in names.walked.main_blocks and bound
    }


def _at_run_time(bindings: list[Binding]) -> list[Binding]:
    return [binding for binding in bindings if not binding.typing_only]


def _is_imported(bindings: list[Binding]) -> bool:
    return bool(bindings) and all(binding.kind == "import" for binding in bindings)


def _symbol_kind(bindings: list[Binding]) -> str:
    """Say what a name is when it runs; what only type checkers see counts if there is no more."""
    kind = (_at_run_time(bindings) or bindings)[0].kind
    return kind if kind in _DEFINED else "constant"
