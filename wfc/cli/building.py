"""A build as commands make it: what the compiler says, and the errors of the linter's rules.

The compiler refuses what would break a replay. What cannot be recorded, cancelled or started is
found by rules, which stand above it; a developer who builds is told all the same. The import hook
and a worker build without them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wfc.compiler.build import BuildResult, Progress, build
from wfc.config import load_preludes, project_of
from wfc.diagnostics import Diagnostic, Severity
from wfc.lint_rules.run import Job, lint, texts_of
from wfc.lint_rules.selection import Selection
from wfc.settings import Loaded

_RULES: Final = Selection(select=("WFC1", "WFC2", "WFC3", "WFC4", "WFC5", "WFC8"))


def build_judged(
    loaded: Loaded,
    *,
    jobs: int = 1,
    check: bool = False,
    clean: bool = False,
    progress: Progress | None = None,
) -> BuildResult:
    """Build a project; an error of a rule stands in the way as one of the compiler does.

    ``# wfc: allow[CODE] reason`` exempts, a linter's settings and ``noqa`` do not.
    """
    project = project_of(loaded)
    job = Job(project=project, selection=_RULES, noqa=False)
    files = [path for _, path in project.files()]
    report = lint(job, files, out=None if check else loaded.out, slot="rules")
    errors = [one.told for one in report.findings if one.severity is Severity.ERROR]
    result = build(
        project,
        out=loaded.out,
        jobs=jobs,
        check=check or bool(errors),
        clean=clean,
        progress=progress,
        load=load_preludes,
    )
    more = _unknown(errors, result)
    if not more:
        return result
    found = tuple(sorted((*result.diagnostics, *more), key=lambda one: (one.place, one.code)))
    texts = {
        **texts_of(project, [one for one in report.findings if one.told in more]),
        **result.texts,
    }
    return replace(result, diagnostics=found, texts=texts, version=None, folder=None)


def deepened(result: BuildResult, loaded: Loaded, *, may_write: bool) -> BuildResult:
    """Add what the deep check finds: warnings, which are no part of the version."""
    project = project_of(loaded)
    job = Job(project=project, selection=Selection(select=("WFC2", "WFC183")), deep=True)
    files = [path for _, path in project.files()]
    report = lint(job, files, out=loaded.out if may_write else None, slot="deep")
    more = [one.told for one in report.findings if one.severity is Severity.WARNING]
    more = _unknown(more, result)
    return replace(result, diagnostics=(*result.diagnostics, *more))


def _unknown(found: list[Diagnostic], result: BuildResult) -> list[Diagnostic]:
    """Leave out what the compiler has told."""
    known = {(one.code, one.place, one.chain[-1:]) for one in result.diagnostics}
    return [one for one in found if (one.code, one.place, one.chain[-1:]) not in known]
