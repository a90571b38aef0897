"""What settings and flags ask of the linter, as one job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from wfc.compiler.project import Project
from wfc.config import project_of
from wfc.errors import ManifestBroken, ManifestTooNew
from wfc.lint_rules.run import Job
from wfc.lint_rules.selection import Selection, known_codes
from wfc.manifests.store import BASELINE, current_version, recorded_classes
from wfc.settings import Loaded

_TESTS: Final = frozenset({"tests", "test"})


def job_of(
    loaded: Loaded,
    *,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    extend_select: tuple[str, ...] = (),
    deep: bool = False,
) -> Job:
    """Lay flags over `[tool.wfc.lint]`. Raises `UnknownCode`."""
    table = loaded.settings.lint
    selection = Selection(
        select=(*known_codes(select or table.select), *known_codes(extend_select)),
        ignore=(*known_codes(ignore or table.ignore), *_settled(loaded)),
    )
    per_file = tuple((glob, known_codes(tuple(codes))) for glob, codes in table.per_file.items())
    project = project_of(loaded)
    if not loaded.settings.packages:
        project = _with_folders(project)
    recorded, recorded_in = _recorded(loaded)
    return Job(
        project=project,
        selection=selection,
        per_file=per_file,
        deep=deep or table.deep,
        recorded=recorded,
        recorded_in=recorded_in,
    )


def _recorded(loaded: Loaded) -> tuple[tuple[str, ...], str]:
    """Give the classes that runs may have recorded, and the manifest that says so: the committed
    baseline's, else the last build's.

    A last build that cannot be read is none; `ManifestBroken` and `ManifestTooNew` of a baseline
    are raised, since people commit it.
    """
    baseline = loaded.root / BASELINE
    if baseline.is_file():
        return recorded_classes(baseline), BASELINE
    current = current_version(loaded.out)
    if current is None:
        return (), ""
    manifest = loaded.out / "versions" / current / "manifest.json"
    try:
        found = recorded_classes(manifest)
    except (ManifestBroken, ManifestTooNew):
        return (), ""
    inside = manifest.is_relative_to(loaded.root)
    return found, str(manifest.relative_to(loaded.root) if inside else manifest)


def _settled(loaded: Loaded) -> Iterator[str]:
    """Give the codes that have nothing to say, since `[tool.wfc.policy]` sees to it everywhere."""
    usual = loaded.settings.policy
    if usual.timeout is not None or usual.total is not None:
        yield "WFC353"  # no step waits for ever
    if usual.attempts == 1:
        yield "WFC354"  # nothing is tried again but by whom the step asks


def _with_folders(project: Project) -> Project:
    """Add the folders of code at the root that have no `__init__.py`, unless packages are named.

    A build leaves them out, since they may be anything; but one that is linted may as well be a
    namespace package, whose modules then know each other.
    """
    found = []
    for path in sorted(project.root.iterdir()):
        name = path.name
        known = name in project.packages or name in sys.stdlib_module_names or name in _TESTS
        if known or not name.isidentifier() or not path.is_dir() or project.is_ignored(path):
            continue
        if not (path / "pyvenv.cfg").exists() and any(project.python_files(path)):
            found.append(name)
    packages = (*project.packages, *found)
    return replace(project, packages=packages, rules=replace(project.rules, packages=packages))
