"""What the manifest says of a workflow's operations: its shape, its call places, its markers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from wfc.compiler.spans import place_at, span_of
from wfc.diagnostics import Diagnostic, diagnostic
from wfc.ids import DefinitionId
from wfc.manifests.bundle import CallSite
from wfc.manifests.fingerprint import Meaning, Unit
from wfc.manifests.operations import plain_name
from wfc.manifests.places import Places
from wfc.manifests.shape import to_plain
from wfc.manifests.shapes import shape_of, word_of

_MARKER: Final = "wfc.changed"


def operations_of(workflow: DefinitionId, meaning: Meaning, places: Places) -> dict[str, Any]:
    """Give `shape`, `sites` and `changes` of a workflow, as the manifest holds them."""
    shaped = shape_of(workflow, places)
    sites: dict[str, dict[str, Any]] = {}
    changes: set[str] = set()
    for module, call, site in _calls(workflow, meaning, places):
        asked = shaped.asked.get((module, site.place), {})
        entry = places.entry(site.callee)
        for word in asked or (word_of(places.library.resolve(site.callee), entry),):
            sites[f"{word}~{site.place}"] = {
                **({"args": asked[word]} if asked else {}),
                "blocks": list(site.blocks),
                "callee": site.callee,
                "function": site.function,
                "ordinal": site.ordinal,
            }
        if _is_marker(site, places) and (change := _literal(call)) is not None:
            changes.add(change)
    return {"shape": to_plain(shaped.root), "sites": sites, "changes": sorted(changes)}


def judge_markers(unit: Unit, places: Places) -> Iterator[Diagnostic]:
    """Report markers whose id is no literal: nobody could list what a version knows (WFC615)."""
    for call, site in places.calls(unit.module):
        if _is_marker(site, places) and _literal(call) is None:
            yield diagnostic(
                "WFC615",
                place_at(unit.path, span_of(call)),
                "the id of a marker is computed, so a build cannot say which ones it knows",
                fix='write the id out: `changed("vat-2027")`.',
            )


def _is_marker(site: CallSite, places: Places) -> bool:
    is_named_so = site.callee.endswith("changed")
    return is_named_so and plain_name(places.library.resolve(site.callee)) == _MARKER


def _literal(call: ast.Call) -> str | None:
    match call:
        case ast.Call(args=[ast.Constant(value=str(text))], keywords=[]):
            return text
        case ast.Call(args=[], keywords=[ast.keyword(value=ast.Constant(value=str(text)))]):
            return text
    return None


def _calls(
    workflow: DefinitionId, meaning: Meaning, places: Places
) -> Iterator[tuple[str, ast.Call, CallSite]]:
    """Give every call of a workflow and of the first-party code it reaches, but those of steps."""
    wanted: dict[str, set[str]] = {}
    for identity in (workflow, *meaning.trees):
        module, _, name = identity.partition(":")
        wanted.setdefault(module, set()).add(name)
    for module, names in sorted(wanted.items()):
        others = _marked(module, names, places)
        for call, site in places.calls(module):
            if _inside(site.function, names) and not _inside(site.function, others):
                yield module, call, site


def _marked(module: str, wanted: set[str], places: Places) -> set[str]:
    """Give the steps and workflows of a module whose bodies do not count here."""
    return {
        entry.qualname
        for identity, entry in places.library.entries.items()
        if identity.startswith(f"{module}:") and entry.qualname not in wanted
    }


def _inside(function: str, names: set[str]) -> bool:
    """Tell whether `function` is one of `names` or stands in one."""
    parts = function.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))
