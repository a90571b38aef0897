"""What a build means: fingerprints, signatures, classes, dependencies, and the manifest of them."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from wfc.compiler.facts import ModuleFacts
from wfc.compiler.gather_effects import Effects
from wfc.compiler.operations import operations_of
from wfc.determinism import Rules, is_stdlib
from wfc.errors import UnknownSyntax
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bodies import own_code
from wfc.manifests.bundle import Bundle, Entry
from wfc.manifests.canonical import Tree
from wfc.manifests.classes import class_details
from wfc.manifests.fingerprint import SCHEME, Library, body_hash, describe, meaning
from wfc.manifests.manifest import manifest_text
from wfc.manifests.old_names import OldNames
from wfc.manifests.places import Places
from wfc.manifests.store import Version, bundle_digest

Bundles = Mapping[ModuleName, Bundle]
_CLASS_MAKERS: Final = frozenset({
    "Enum", "Flag", "IntEnum", "IntFlag", "NamedTuple", "StrEnum", "make_dataclass", "namedtuple",
})  # fmt: skip
"""What makes a class when it is called with the class's name."""


def version_of(
    *,
    identity: VersionId,
    rules: Rules,
    facts: Sequence[ModuleFacts],
    places: Places,
    effects: Effects,
    renamed: Mapping[str, tuple[str, ...]],
    workflow: Bundles,
    step: Bundles,
    source: Mapping[ModuleName, str],
) -> Version:
    """Put a version together. `UnknownSyntax` if a workflow holds syntax that has no name."""
    library, names = places.library, OldNames(renamed)
    places.names = names
    fingerprints: dict[DefinitionId, str] = {}
    workflows: dict[str, dict[str, Any]] = {}
    steps: dict[str, dict[str, Any]] = {}
    for module, entry in _entries(facts):
        with _named(entry):
            described: dict[str, Any] = {
                "signature": describe(entry, library, module),
                "policy": dict(entry.policy),
            }
            if entry.kind == "workflow":
                meant = meaning(entry.id, library)
                fingerprints[entry.id] = meant.fingerprint()
                described["fingerprints"] = {SCHEME: fingerprints[entry.id]}
                described["reaches"] = (
                    meaning(entry.id, library, names) if names else meant
                ).digests()
                described.update(operations_of(entry.id, meant, places))
                described.update(own_code(entry, meant, library, module, names))
                workflows[entry.id] = described
            else:
                described["body_hash"] = body_hash(entry, library, module)
                described["signature"]["receiver"] = entry.receiver.value
                steps[entry.id] = described
    classes = classes_of(facts, library, workflow)
    return Version(
        id=identity,
        workflow=workflow,
        step=step,
        source=source,
        fingerprints=fingerprints,
        classes=frozenset(classes),
        rules=rules,
        manifest=manifest_text(
            version=identity,
            rules=rules,
            modules=_modules(workflow, step),
            workflows=workflows,
            steps=steps,
            classes=classes,
            depends=depends_on(effects.externals),
            renamed=renamed,
            allowed=effects.allowed,
        ),
    )


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

    for module, entry in _entries(facts):
        describe(entry, library, module, reach)
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


def _entries(facts: Sequence[ModuleFacts]) -> Iterator[tuple[ModuleName, Entry]]:
    for one in facts:
        for definition in one.definitions:
            yield one.name, definition.entry


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
