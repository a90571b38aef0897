"""What a build means: fingerprints, signatures, classes, dependencies, and the manifest of them."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from wfc.compiler import effect_library
from wfc.compiler.facts import ModuleFacts
from wfc.compiler.gather_effects import Effects
from wfc.compiler.operations import operations_of
from wfc.compiler.schemas import Load, schemas_of
from wfc.compiler.step_effects import effects_of
from wfc.determinism import Rules, is_stdlib
from wfc.errors import UnknownSyntax
from wfc.ids import ModuleName, VersionId
from wfc.manifests.bodies import own_code
from wfc.manifests.bundle import Bundle, Entry
from wfc.manifests.canonical import Tree
from wfc.manifests.classes import class_details
from wfc.manifests.fingerprint import SCHEME, Library, body_hash, describe, meaning
from wfc.manifests.places import Places
from wfc.manifests.store import Version, bundle_digest

Bundles = Mapping[ModuleName, Bundle]
_CLASS_MAKERS: Final = frozenset({
    "Enum", "Flag", "IntEnum", "IntFlag", "NamedTuple", "StrEnum", "make_dataclass", "namedtuple",
})  # fmt: skip
"""What makes a class when it is called with the class's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that a build has found out, of which a version is put together."""

    rules: Rules
    facts: Sequence[ModuleFacts]
    """Of the modules with marked definitions."""
    places: Places
    code: effect_library.Library
    effects: Effects
    renamed: Mapping[str, tuple[str, ...]]
    workflow: Bundles
    step: Bundles
    source: Mapping[ModuleName, str]


def version_of(identity: VersionId, parts: Parts, load: Load | None = None) -> Version:
    """Put a version together. `UnknownSyntax` if a workflow holds syntax that has no name.

    Without `load` nothing of the project is executed, and the manifest holds no schemas.
    """
    described = [
        (entry, _described(entry, one, parts)) for one in parts.facts for entry in _entries(one)
    ]
    classes = classes_of(parts.facts, parts.places.library, parts.workflow)
    version = Version(
        id=identity,
        workflow=parts.workflow,
        step=parts.step,
        source=parts.source,
        fingerprints={
            entry.id: said["fingerprints"][SCHEME]
            for entry, said in described
            if entry.kind == "workflow"
        },
        classes=frozenset(classes),
        rules=parts.rules,
    )
    if load is not None:
        with load(version) as spaces:
            for entry, said in described:
                said.update(schemas_of(entry, spaces))
    from wfc.manifests.manifest import manifest_text  # noqa: PLC0415 - an unchanged tree needs none

    by_kind: dict[str, dict[str, dict[str, Any]]] = {"workflow": {}, "step": {}}
    for entry, said in described:
        by_kind[entry.kind][entry.id] = said
    text = manifest_text(
        version=identity,
        rules=parts.rules,
        modules=_modules(parts.workflow, parts.step),
        workflows=by_kind["workflow"],
        steps=by_kind["step"],
        classes=classes,
        agents=_agents_of(parts),
        depends=depends_on(parts.effects.externals),
        renamed=parts.renamed,
        allowed=parts.effects.allowed,
    )
    return replace(version, manifest=text)


def _agents_of(parts: Parts) -> dict[str, Any]:
    """Describe the agents that workflows reach; most builds have none, and load nothing for it."""
    reached = {
        module: names
        for module, names in parts.effects.reached.items()
        if (facts := parts.code.facts(module)) is not None and facts.agents
    }
    if not reached:
        return {}
    from wfc.compiler.agents import agents_of  # noqa: PLC0415 - see above

    return agents_of(parts.places.library, reached)


def _described(entry: Entry, facts: ModuleFacts, parts: Parts) -> dict[str, Any]:
    """Say what an old log depends on in a workflow or step."""
    library, module = parts.places.library, facts.name
    with _named(entry):
        described: dict[str, Any] = {
            "signature": describe(entry, library, module),
            "policy": dict(entry.policy),
        }
        if entry.kind == "step":
            described["signature"]["receiver"] = entry.receiver.value
            described["body_hash"] = body_hash(entry, library, module)
            described["effects"] = effects_of(entry, facts, parts.code)
            return described
        meant = meaning(entry.id, library)
        described["fingerprints"] = {SCHEME: meant.fingerprint()}
        names = parts.places.names
        named = meaning(entry.id, library, names) if names else meant
        return {
            **described,
            "reaches": named.digests(),
            **({"handed": sorted(meant.handed)} if meant.handed else {}),
            **operations_of(entry.id, meant, parts.places),
            **own_code(entry, meant, library, names),
        }


@contextmanager
def _named(entry: Entry) -> Iterator[None]:
    """Say which definition it is that holds what cannot be named."""
    try:
        yield
    except (UnknownSyntax, RecursionError) as error:
        raise UnknownSyntax(f'{entry.kind} "{entry.qualname}": {error}') from error


def classes_of(
    facts: Sequence[ModuleFacts], library: Library, workflow: Bundles
) -> dict[str, dict[str, Any]]:
    """Give the classes that payloads may name: in workflow bundles, in signatures, and theirs."""
    found: dict[str, dict[str, Any]] = {}
    pending = [
        (module, qualname)
        for module, bundle in workflow.items()
        for qualname in _classes_in(ast.parse(bundle.text).body, "")
    ]

    def reach(qualified: str, called: bool) -> None:  # noqa: ARG001, FBT001 - the form of the hook
        split = library.split(qualified)
        if split is not None and split[1]:
            pending.append((ModuleName(split[0].module), split[1]))

    for one in facts:
        for entry in _entries(one):
            describe(entry, library, one.name, reach)
    while pending:
        module, qualname = pending.pop()
        unit = library.unit(module)
        node = None if unit is None else unit.find(qualname) or _made_in(unit.tree, qualname)
        name = f"{module}:{qualname}"
        if name in found or not isinstance(node, (ast.ClassDef, ast.Assign)):
            continue
        text = Tree(library.within(module), qualname, reach).text(node)
        digest = _sha256(text)
        assert unit is not None
        found[name] = {"digest": digest, **class_details(library, unit, node)}
    return dict(sorted(found.items()))


def depends_on(externals: frozenset[str]) -> dict[str, str]:
    """Give the distributions that workflow code uses, with their versions, and the zone data's."""
    tops = {name.partition(".")[0] for name in externals if not is_stdlib(name)} - {"wfc"}
    has_zones = any(name.partition(".")[0] == "zoneinfo" for name in externals)
    if not tops and not has_zones:
        return {}
    from importlib.metadata import (  # noqa: PLC0415 - slow, and most workflows need none
        PackageNotFoundError,
        packages_distributions,
        version,
    )

    owners = packages_distributions() if tops else {}
    wanted = {name for top in tops for name in owners.get(top, [top])}
    wanted |= {"tzdata"} if has_zones else set()
    found: dict[str, str] = {}
    for name in sorted(wanted):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # no distribution brings it: a zone data base of the system, a loose module
    return found


def environment_of(version: Version, depends: Mapping[str, str]) -> dict[str, Any]:
    """Give what the build ran on: `environment.json`."""
    return {
        "packages": dict(depends),
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "version": version.id,
    }


def _entries(facts: ModuleFacts) -> Iterator[Entry]:
    for definition in facts.definitions:
        yield definition.entry


def _modules(workflow: Bundles, step: Bundles) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for bundle in (*workflow.values(), *step.values()):
        module = found.setdefault(
            bundle.module, {"source_sha256": bundle.source_sha256, "bundles": {}}
        )
        module["bundles"][bundle.purpose.value] = bundle_digest(bundle)
    return found


def _classes_in(body: Sequence[ast.AST], path: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield f"{path}{node.name}"
            yield from _classes_in(node.body, f"{path}{node.name}.")
        elif isinstance(node, ast.Assign):
            if not path and (name := _made_by(node)) is not None:
                yield name
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _classes_in(list(ast.iter_child_nodes(node)), path)


def _made_by(node: ast.Assign) -> str | None:
    """Give the name of the class that a call makes, as in ``P = namedtuple("P", ...)``."""
    match node:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.Call(
                func=ast.Name(id=maker) | ast.Attribute(attr=maker),
                args=[ast.Constant(value=said), *_],
            ),
        ) if maker in _CLASS_MAKERS and said == name:
            return name
    return None


def _made_in(tree: ast.Module, name: str) -> ast.Assign | None:
    found = None
    for node in tree.body:
        if isinstance(node, ast.Assign) and _made_by(node) == name:
            found = node
    return found


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
