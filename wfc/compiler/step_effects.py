"""What a step's body reaches of the world outside: told in diffs, never judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wfc.compiler.effect_library import Library, Node
from wfc.compiler.facts import ModuleFacts, Reference
from wfc.determinism import lookup
from wfc.manifests.bundle import Entry

MODULES_MAX: Final = 50
_NO_EFFECT: Final = frozenset({"annotation", "except", "isinstance"})
_OWN: Final = frozenset({"builtins", "typing", "typing_extensions", "__future__", "wfc"})
_NODES_MAX: Final = 2_000


def effects_of(entry: Entry, facts: ModuleFacts, library: Library) -> dict[str, list[str]]:
    """Give the external `modules` that a body reaches, and the `kinds` of what it does there."""
    modules: set[str] = set()
    kinds: set[str] = set()
    for one in facts.imports:
        if _is_inside(one.scope, entry.qualname) and library.locate(one.target) is None:
            modules.add(one.module.partition(".")[0])
    for target in _externals(entry, facts, library):
        verdict = lookup(target, library.rules)
        if not verdict.followed:
            modules.add(target.partition(".")[0])
            if verdict.reason is not None:
                kinds.add(verdict.reason.value)
    return {"modules": sorted(modules - _OWN)[:MODULES_MAX], "kinds": sorted(kinds)}


def _externals(entry: Entry, facts: ModuleFacts, library: Library) -> Iterator[str]:
    """Follow the body and the first-party code it needs to names outside of the project."""
    seen: set[Node] = set()
    pending: list[Reference] = [
        one for one in facts.references if one.in_step and _is_inside(one.function, entry.qualname)
    ]
    while pending:
        reference = pending.pop()
        if reference.use in _NO_EFFECT or reference.starred:
            continue
        nodes = library.locate(reference.target)
        if nodes is None:
            yield library.external(reference.target)
            continue
        for node in nodes:
            found = library.facts(node.module)
            if node not in seen and found is not None and len(seen) < _NODES_MAX:
                seen.add(node)
                pending += library.references(found, node.name)


def _is_inside(function: str, qualname: str) -> bool:
    return function == qualname or function.startswith(f"{qualname}.")
