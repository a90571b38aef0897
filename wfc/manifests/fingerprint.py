"""The fingerprint of a workflow: what it means, in 64 hex digits.

It covers the workflow's own tree, every first-party helper, class and constant it reaches, and the
signatures of the steps and children it calls. Step bodies, policies, spans, other workflows and
package versions are not in it.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from wfc.ids import DefinitionId
from wfc.manifests.agents import tool_decorators
from wfc.manifests.bundle import Entry
from wfc.manifests.canonical import Tree
from wfc.manifests.exports import Exports, exports_of
from wfc.manifests.old_names import NO_NAMES, OldNames
from wfc.manifests.registrations import registrations_of
from wfc.manifests.scopes import bound_by
from wfc.manifests.signature import Resolve, canonical_signature, dotted_name

SCHEME: Final = "f1"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_OWN_SCOPE = (
    *_DEFINITIONS,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_CHASES_MAX: Final = 100


@dataclass(frozen=True)
class Unit:
    """A first-party module as canonical trees see it."""

    module: str
    tree: ast.Module
    is_package: bool = False
    path: str = ""

    @cached_property
    def bindings(self) -> Mapping[str, tuple[ast.stmt, ...]]:
        """Map each name that is bound at module level, imports aside, to its statements."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in _bound_in(statement):
                found.setdefault(name, []).append(statement)
            for name in _changed_in(statement):
                if name in found and statement not in found[name]:
                    found[name].append(statement)
        for one in registrations_of(self.tree):
            statement = self.tree.body[one.top]
            if one.into in found and statement not in found[one.into]:
                found[one.into].append(statement)
        return {name: tuple(statements) for name, statements in found.items()}

    @cached_property
    def tools(self) -> Mapping[ast.stmt, tuple[ast.expr, ...]]:
        """Map each function that is a tool of an agent of this module to what makes it one."""
        return tool_decorators(self.tree)

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Map each name that an import at module level binds to what it stands for."""
        found: dict[str, str] = {}
        for node in self._import_nodes():
            if isinstance(node, ast.Import):
                for one in node.names:
                    target = one.name if one.asname else one.name.partition(".")[0]
                    found.setdefault(one.asname or target, target)
            else:
                base = self.absolute(node)
                for one in node.names:
                    if one.name != "*":
                        found.setdefault(one.asname or one.name, f"{base}.{one.name}")
        return found

    @cached_property
    def stars(self) -> tuple[str, ...]:
        """List the modules that a star import takes names from."""
        return tuple(
            self.absolute(node)
            for node in self._import_nodes()
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        )

    def _import_nodes(self) -> Iterator[ast.Import | ast.ImportFrom]:
        for statement in self.tree.body:
            for node in _own(statement):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield node

    def absolute(self, node: ast.ImportFrom) -> str:
        """Give the dotted name of the module that `node` imports from."""
        if not node.level:
            return node.module or ""
        up = node.level - (1 if self.is_package else 0)
        parts = self.module.split(".")
        base = parts[: len(parts) - up] if up else parts
        return ".".join([*base, *([node.module] if node.module else [])])

    def find(self, qualname: str) -> ast.stmt | None:
        """Find the last definition of `qualname` (functions and classes, nested ones too)."""
        body: Sequence[ast.stmt] = self.tree.body
        node: ast.stmt | None = None
        for name in qualname.split("."):
            every = (
                inner
                for statement in body
                for inner in _own(statement)
                if isinstance(inner, _DEFINITIONS) and inner.name == name
            )
            node = None
            for node in every:  # noqa: B007 - the last one is bound at the end
                pass
            if node is None:
                return None
            body = getattr(node, "body", [])
        return node


@dataclass
class Library:
    """All first-party modules of a build, and the marked definitions in them."""

    load: Callable[[str], Unit | None]
    entries: Mapping[DefinitionId, Entry]
    units: dict[str, Unit | None] = field(default_factory=dict)
    exports: dict[str, Exports] = field(default_factory=dict)

    def unit(self, module: str) -> Unit | None:
        """Give a first-party module, or None for any other name."""
        if module not in self.units:
            self.units[module] = self.load(module)
        return self.units[module]

    def split(self, dotted: str) -> tuple[Unit, str] | None:
        """Split a qualified name into its first-party module and what is named inside it."""
        head, rest = dotted, ""
        while head:
            unit = self.unit(head)
            if unit is not None:
                return unit, rest
            head, _, last = head.rpartition(".")
            rest = f"{last}.{rest}" if rest else last
        return None

    def resolve(self, dotted: str) -> str:
        """Follow re-exports to where a first-party name is defined; other names stay."""
        for _ in range(_CHASES_MAX):
            found = self.split(dotted)
            if found is None:
                return dotted
            unit, rest = found
            name, _, more = rest.partition(".")
            if not name or name in unit.bindings:
                return dotted
            target = unit.imports.get(name) or self._starred(unit, name)
            if target is None or target == f"{unit.module}.{name}":
                return dotted
            dotted = f"{target}.{more}" if more else target
        return dotted

    def _starred(self, unit: Unit, name: str) -> str | None:
        for module in reversed(unit.stars):  # the last one binds a name for good
            if module not in self.exports:
                self.exports[module] = exports_of(module, self.unit)
            if name in self.exports[module].names:
                return f"{module}.{name}"
        return None

    def entry(self, qualified: str) -> Entry | None:
        """Give the marked definition that a qualified name stands for."""
        found = self.split(qualified)
        if found is None or not found[1]:
            return None
        return self.entries.get(DefinitionId(f"{found[0].module}:{found[1]}"))

    def within(self, module: str) -> Around:
        """Give what a tree of `module` must know."""
        unit = self.unit(module)
        if unit is None:
            raise KeyError(module)
        return Around(self, unit)


@dataclass(frozen=True)
class Around:
    """The names of one module."""

    library: Library
    unit: Unit

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self.unit.module

    def qualified(self, name: str) -> str:
        """Give the qualified name of a global, imports and re-exports followed."""
        head, _, more = name.partition(".")
        if head in self.unit.bindings:
            target = f"{self.module}.{head}"
        else:
            target = (
                self.unit.imports.get(head)
                or self.library._starred(self.unit, head)  # noqa: SLF001 - of one house
                or f"builtins.{head}"
            )
        return self.library.resolve(f"{target}.{more}" if more else target)

    def entry(self, qualified: str) -> Entry | None:
        """Give the marked definition behind a qualified name."""
        return self.library.entry(qualified)

    def meaning(self, name: str) -> str | tuple[ast.expr, Resolve]:
        """Give the qualified name of a type, or what its alias stands for."""
        qualified = self.qualified(name)
        found = self.library.split(qualified)
        if found is None or not found[1]:
            return qualified
        unit, inside = found
        elsewhere = Around(self.library, unit)
        meaning = elsewhere.alias(inside)
        return qualified if meaning is None else (meaning, elsewhere.meaning)

    def alias(self, name: str) -> ast.expr | None:
        """Give the type that a module-level name is only another name of."""
        statements = self.unit.bindings.get(name, ())
        if len(statements) != 1:
            return None
        match statements[0]:
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                return self._aliased(value)
            case node if type(node).__name__ == "TypeAlias" and not getattr(node, "type_params", 0):
                return node.value  # type: ignore[attr-defined, no-any-return] # new in 3.12
        return None

    def _aliased(self, value: ast.expr) -> ast.expr | None:
        if isinstance(value, ast.Call):
            called = dotted_name(value.func)
            new_type = called is not None and self.qualified(called).endswith(".NewType")
            return value.args[1] if new_type and len(value.args) > 1 else None
        is_union = isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)
        is_type = is_union or isinstance(value, (ast.Name, ast.Attribute, ast.Subscript))
        return value if is_type else None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a fingerprint is made of, each thing once, by first reach."""

    root: str
    """The tree of the workflow itself."""
    trees: Mapping[str, tuple[str, ...]]
    """By id, the trees of each first-party helper, class and constant, and of inline workflows."""
    signatures: Mapping[str, str]
    """By id, the signatures of steps and of other workflows."""
    handed: frozenset[str] = frozenset()
    """Steps that are used otherwise than by calling them: who calls those, and how, is not seen."""

    def fingerprint(self) -> str:
        """Give the fingerprint, by the scheme ``f1``."""
        lines = [f"{SCHEME} {self.root}"]
        lines += [f"{name} {text}" for name, texts in self.trees.items() for text in texts]
        lines += [f"{name} {text}" for name, text in self.signatures.items()]
        return _sha256("\n".join(lines))

    def digests(self) -> dict[str, str]:
        """Give the digest of what stands behind each id, so that a change can be named."""
        return {name: _sha256("\n".join(texts)) for name, texts in sorted(self.trees.items())}


def fingerprint(workflow: DefinitionId, library: Library) -> str:
    """Give the fingerprint of a workflow, by the scheme ``f1``."""
    return meaning(workflow, library).fingerprint()


def meaning(workflow: DefinitionId, library: Library, names: OldNames = NO_NAMES) -> Meaning:
    """Gather what a workflow means: trees by first reach, then signatures by first reach.

    `names` spells what has another name now: not for fingerprints, but to compare two versions.
    """
    module, _, qualname = workflow.partition(":")
    walk = _Walk(library, names)
    root = walk.tree(module, qualname, root=qualname)
    trees: dict[str, tuple[str, ...]] = {}
    while walk.pending:
        identity, unit, inside = walk.pending.popleft()
        trees[identity] = tuple(walk.symbol(unit, inside))
    return Meaning(root, trees, walk.signatures, frozenset(walk.handed))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Walk:
    """What one workflow reaches, each thing once."""

    def __init__(self, library: Library, names: OldNames) -> None:
        self.library = library
        self.names = names
        self.pending: deque[tuple[str, Unit, str]] = deque()
        self.seen: set[str] = set()
        self.signatures: dict[str, str] = {}
        self.handed: set[str] = set()

    def reach(self, qualified: str, called: bool) -> None:  # noqa: FBT001 - the form of the hook
        """Note a global that a tree mentions."""
        found = self.library.split(qualified)
        if found is None or not found[1]:
            return
        unit, inside = found
        entry = self.library.entry(qualified)
        if entry is not None:
            self.sign(unit, entry)
            if entry.kind == "step" and not called:
                self.handed.add(entry.id)
            if entry.kind == "step" or not called:
                return
        else:
            inside = inside.partition(".")[0]
            if inside not in unit.bindings:
                return
        identity = f"{unit.module}:{inside}"
        if identity not in self.seen:
            self.seen.add(identity)
            self.pending.append((identity, unit, inside))

    def sign(self, unit: Unit, entry: Entry) -> None:
        """Note the signature of a step or a child, and the classes it names."""
        if entry.id in self.signatures:
            return
        self.signatures[entry.id] = ""
        described = describe(entry, self.library, unit.module, self.reach)
        self.signatures[entry.id] = json.dumps(
            {"kind": entry.kind, "receiver": entry.receiver.value, **described}, sort_keys=True
        )

    def tree(self, module: str, qualname: str, *, root: str) -> str:
        """Write the tree of a definition."""
        self.seen.add(f"{module}:{qualname}")
        around = self.library.within(module)
        node = around.unit.find(qualname)
        if node is None:
            raise KeyError(f"{module}:{qualname}")
        return Tree(around, root, self.reach, self.names).text(node)

    def _tool(self, unit: Unit, statement: ast.stmt, entry: Entry) -> Iterator[str]:
        around = Around(self.library, unit)
        for decorator in unit.tools.get(statement, ()) if entry.kind == "step" else ():
            self.sign(unit, entry)
            self.handed.add(entry.id)
            written = Tree(around, "", self.reach, self.names).text(decorator)
            yield f"(tool step={json.dumps(entry.id)} by={written})"

    def symbol(self, unit: Unit, inside: str) -> Iterator[str]:
        """Write the trees of the statements that bind a name, or of an inline workflow."""
        if DefinitionId(f"{unit.module}:{inside}") in self.library.entries:
            yield self.tree(unit.module, inside, root=inside)
            return
        around = Around(self.library, unit)
        for statement in unit.bindings[inside]:
            name = getattr(statement, "name", inside)
            entry = self.library.entries.get(DefinitionId(f"{unit.module}:{name}"))
            if name != inside and entry is not None:
                # A marked function that a decorator registers: no bundle evaluates that, but where
                # it makes a step a tool.
                yield from self._tool(unit, statement, entry)
                continue
            yield Tree(around, "", self.reach, self.names).text(statement)


def describe(
    entry: Entry,
    library: Library,
    module: str,
    reach: Callable[[str, bool], None] | None = None,
) -> dict[str, Any]:
    """Give the canonical signature of a marked definition of `module`."""
    tree = Tree(library.within(module), "", reach)
    return canonical_signature(entry.signature, tree.type_named, tree.text)


def body_hash(entry: Entry, library: Library, module: str) -> str:
    """Give the hash of a definition's tree without its name, by which a renamed one is known."""
    node = library.within(module).unit.find(entry.qualname)
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise KeyError(entry.id)
    nameless = copy.copy(node)
    nameless.name = "_"
    path = entry.qualname.rpartition(".")[0]
    root = f"{path}._" if path else "_"
    return _sha256(Tree(library.within(module), root).text(nameless))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Go through a statement without entering scopes of their own."""
    yield node
    if isinstance(node, _OWN_SCOPE):
        return
    for inner in ast.iter_child_nodes(node):
        yield from _own(inner)


def _bound_in(statement: ast.stmt) -> set[str]:
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return set()
    return set().union(*(bound_by(node) for node in _own(statement)))


def _changed_in(statement: ast.stmt) -> set[str]:
    """List the module-level names whose value a statement changes: ``TABLE["x"] = 1``."""
    match statement:
        case ast.Assign(targets=targets):
            changed: Sequence[ast.expr] = targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            changed = [target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner))):
            changed = [owner]
        case _:
            return set()
    names = set()
    for node in changed:
        while isinstance(node, (ast.Subscript, ast.Attribute)):
            node = node.value  # noqa: PLW2901 - down to what is changed
        if isinstance(node, ast.Name):
            names.add(node.id)
    return names
