"""Where the things that a manifest names stand: call places, definitions, helpers, constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from wfc.diagnostics import Place
from wfc.manifests.bundle import Bundle, Span
from wfc.manifests.code import parse_quietly
from wfc.manifests.findings import Spans
from wfc.manifests.manifest import Manifest
from wfc.manifests.sites import span_of
from wfc.manifests.store import Version


def positions_of(version: Version, manifest: Manifest) -> Spans:
    """Give the positions of a version that is at hand."""
    found: dict[str, Place] = {}
    calls: dict[str, Place] = {}
    for bundle in version.workflow.values():
        for name, span in _top_level(bundle):
            found.setdefault(f"{bundle.module}:{name}", _place(bundle.path, span))
        for site in bundle.sites:
            calls[site.place] = _place(bundle.path, site.span)
    for bundle in (*version.step.values(), *version.workflow.values()):
        for entry in bundle.entries:
            found[entry.id] = _place(bundle.path, entry.span)
    return {**found, **_sites(manifest, calls)}


def positions_read(plain: Mapping[str, Any], manifest: Manifest) -> Spans:
    """Read the positions of `spans.json`, which has ids and ``module~place``."""
    places = {name: Place(*row) for name, row in plain.items()}
    calls = {name.partition("~")[2]: place for name, place in places.items() if "~" in name}
    return {**places, **_sites(manifest, calls)}


def _sites(manifest: Manifest, calls: Mapping[str, Place]) -> dict[str, Place]:
    """Name each place as the sites of the manifest do, with the word of its operation."""
    sites = {site for workflow in manifest.workflows.values() for site in workflow.sites}
    return {site: calls[place] for site in sites if (place := site.partition("~")[2]) in calls}


def _top_level(bundle: Bundle) -> Iterator[tuple[str, Span]]:
    """Give what a module binds by a definition or an assignment, first things first."""
    for node in parse_quietly(bundle.text).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, span_of(node)
            case ast.Assign(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, span_of(node)
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, span_of(node)


def _place(path: str, span: Span) -> Place:
    return Place(path, span.line, span.column, span.end_line, span.end_column)
