"""The engine: what the compiler says of a module, what rules add, what comments silence.

It is pure: text in, findings out. Fronts read files, remember results and print.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from wfc.compiler.allowances import is_judged
from wfc.compiler.facts import ModuleSource
from wfc.compiler.scan import scan
from wfc.compiler.sources import is_house
from wfc.determinism import NO_RULES, Rules
from wfc.diagnostics import Place
from wfc.lint_rules import silencing
from wfc.lint_rules.cures import cure_of
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Module
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.registry import Rule, project_rules, rules
from wfc.lint_rules.rewrites import with_cure
from wfc.lint_rules.selection import Selection

_IMPORTS_WFC: Final = re.compile(r"^[ \t]*(?:from|import)[ \t][^\n#]*\bwfc\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Options:
    """What to report, and by which verdicts on names (those of the project, if one is known)."""

    selection: Selection = field(default_factory=Selection)
    rules: Rules = NO_RULES
    ask: Callable[[], Rules] | None = None  # gives `rules` instead, for files that concern us
    noqa: bool = True  # False: the host obeys these comments itself


def check(
    source: ModuleSource,
    project: Overview | None,
    options: Options,
    *,
    tree: ast.Module | None = None,
) -> list[Finding]:
    """Give the findings in one module, sorted; without a project it is looked at alone.

    A host that has parsed the text already gives its `tree`.
    """
    if is_house(source.name):
        return []
    if not _concerns(source, project):
        return [Finding(told=one) for one in source.findings]
    names = options.ask() if options.ask else options.rules
    module = Module(source, project, names, tree)
    compiled = _once(_compiled(module))
    chosen = _chosen(module, options.selection)
    by_rules = _once(finding for one in chosen for finding in one.check(module))
    told = {(code, place) for code, place, _ in compiled}
    ruled = [one for (code, place, _), one in by_rules.items() if (code, place) not in told]
    judged = frozenset(code for one in chosen for code in one.codes if not is_judged(code))
    found = silencing.by_allowances(module, compiled.values(), ruled, judged)
    found = [one for one in found if options.selection.wants(one.code)]
    if options.noqa:
        found = silencing.by_noqa(source.text, found)
    return sorted(
        (_placed(module, with_cure(module, one)) for one in found), key=lambda one: one.order
    )


def check_project(project: Overview, options: Options) -> list[Finding]:
    """Give the findings that concern a project as a whole, sorted."""
    found = [
        finding
        for one in project_rules()
        if options.selection.wants_any(one.codes)
        for finding in one.check(project)
        if options.selection.wants(finding.code)
    ]
    return sorted(found, key=lambda one: one.order)


def _concerns(source: ModuleSource, project: Overview | None) -> bool:
    """Tell whether anything of wfc may be found: a scan, unless other modules say so."""
    text = source.text
    if ("wfc" in text and _IMPORTS_WFC.search(text)) or silencing.ALLOW in text:
        return True
    if scan(text.encode("utf-8", "surrogatepass")).hit:
        return True
    return project is not None and project.concerns(source)


def _compiled(module: Module) -> Iterator[Finding]:
    """Give what the compiler says, in its own words."""
    for one in module.facts.findings:
        yield Finding(told=one, fix=cure_of(one, module.source))
    if module.overview is not None:
        told = module.overview.told.get(module.source.path, ())
    else:
        told = module.effects.diagnostics
    for one in told:
        yield Finding(told=one)


def _chosen(module: Module, selection: Selection) -> list[Rule]:
    """Choose the rules that have something to say: wanted ones, and those that can know."""
    if not module.tree.body:
        return []
    together = module.overview is not None
    return [
        one for one in rules() if (together or not one.project) and selection.wants_any(one.codes)
    ]


def _once(found: Iterable[Finding]) -> dict[tuple[str, Place, Place], Finding]:
    """Leave out what is told twice: of one code, place and cause; the first sentence is kept."""
    kept: dict[tuple[str, Place, Place], Finding] = {}
    for one in found:
        cause = one.told.chain[-1].place if one.told.chain else one.place
        kept.setdefault((one.code, one.place, cause), one)
    return kept


def _placed(module: Module, finding: Finding) -> Finding:
    """Say in which function a finding stands."""
    return replace(finding, function=module.function_at(finding.place))
