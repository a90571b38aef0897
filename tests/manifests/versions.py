"""Manifests of small programs, as tests of comparisons need them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.diagnostics import render
from wfc.manifests.compare import Compared, Comparison, compare
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import Version, spans_of_version


def version_of(files: Mapping[str, str] | str) -> Version:
    """Build a program: one text is ``shop.py``."""
    texts = {"shop.py": files} if isinstance(files, str) else files
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        result = build(Project.at(Path(folder)), out=None)
    assert result.version is not None, "\n".join(map(render, result.diagnostics))
    return result.version


def compared(before: Mapping[str, str] | str, after: Mapping[str, str] | str) -> Comparison:
    """Build both and compare."""
    one, two = version_of(before), version_of(after)
    old, new = Manifest.parse(one.manifest), Manifest.parse(two.manifest)
    return compare(old, new, old_spans=spans_of_version(one), new_spans=spans_of_version(two))


def only(comparison: Comparison) -> Compared:
    """Give the comparison of the one workflow there was."""
    (found,) = comparison.workflows.values()
    return found
