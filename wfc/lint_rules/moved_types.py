"""Types that runs have recorded and that are gone: what the last build, or the committed baseline,
lets payloads name is looked up in the sources of today.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from wfc.compiler.gather_renames import gather_renames
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.registry import project_rule


@project_rule("WFC407")
def type_moved(project: Overview) -> Iterator[Finding]:
    """Find a class that recorded values name, that nothing defines any more and no hint names."""
    gone = [one for one in project.recorded if not _stands(project, one)]
    if not gone:
        return
    hinted, moved = _hinted(project), dict(project.project.rules.renamed)
    for name in gone:
        module, _, qualname = name.partition(":")
        if name in hinted:
            continue
        if module in moved and _stands(project, f"{moved[module]}:{qualname}"):
            continue
        yield Finding(told=_told(project, name))


def _told(project: Overview, name: str) -> Diagnostic:
    module, _, qualname = name.partition(":")
    now = list(_namesakes(project, qualname))
    source = project.sources.source(module)
    place = Place(source.path if source is not None else project.recorded_in)
    hint = f"`# wfc: was[{name}]`"
    if len(now) == 1:
        found, place = now[0]
        fix = f"if `{found}` is what it is now, write {hint} above that class"
    else:
        fix = f"keep the class, or write {hint} above the one that it is now"
    return diagnostic(
        "WFC407",
        place,
        f"the class `{name}` is gone, but values of it may stand in the logs of runs "
        f"({project.recorded_in} names it): they could not be read any more",
        fix=fix,
    )


def _stands(project: Overview, name: str) -> bool:
    """Tell whether the module of a class still makes something of that name itself."""
    module, _, qualname = name.partition(":")
    unit = project.sources.unit(module)
    if unit is None:
        # A module that cannot be parsed is told of as such; one that is not there has no classes.
        return project.sources.source(module) is not None
    return unit.find(qualname) is not None or qualname in unit.bindings


def _hinted(project: Overview) -> frozenset[str]:
    """Give the old names in all rename hints of the project."""
    found = set[str]()
    for name, _ in project.project.files():
        source = project.sources.source(name)
        unit = project.sources.unit(name) if source and "was[" in source.text else None
        if source is not None and unit is not None:
            renames, _wrong = gather_renames(source, unit.tree)
            found.update(old for one in renames for old in one.old)
    return frozenset(found)


def _namesakes(project: Overview, qualname: str) -> Iterator[tuple[str, Place]]:
    """Find classes of the same name in other modules: where it may have gone to."""
    last = qualname.rpartition(".")[2]
    sought = re.compile(rf"\bclass\s+{re.escape(last)}\b")
    for name, _ in project.project.files():
        source = project.sources.source(name)
        if source is None or not sought.search(source.text):
            continue
        unit = project.sources.unit(name)
        node = unit.find(qualname) if unit is not None else None
        if isinstance(node, ast.ClassDef):
            line, column = node.lineno, node.col_offset
            end = column + len("class")
            yield f"{name}:{qualname}", Place(source.path, line, column, line, end)
