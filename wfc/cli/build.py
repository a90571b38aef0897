"""`wfc build`: compile the project into a version, and show what stands in the way."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from wfc.cli import formats, output
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.compiler.build import BuildResult, Progress
from wfc.compiler.build import build as build_project
from wfc.compiler.findings import to_plain
from wfc.config import project_of
from wfc.diagnostics import Severity, render
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.run import Job, lint
from wfc.lint_rules.selection import Selection
from wfc.manifests.store import current_version
from wfc.settings import Loaded

app = command_app()

_SHOW_AFTER_S = 0.5


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


@app.command()
def build(
    context: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the build is out of date.")
    ] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Forget the caches first.")] = False,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Processes; 0 is one a core.")] = 0,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = (
        Format.TEXT
    ),
    out: Annotated[str, typer.Option(metavar="DIR", help="Where versions are written.")] = "",
    deep: Annotated[
        bool, typer.Option("--deep/--no-deep", help="Also infer what names do not tell.")
    ] = True,
) -> None:
    """Compile the project into a version; exit 1 if a finding is an error."""
    common = Common.of(context)
    loaded = common.load(out=out or None)
    began = time.monotonic()
    with _progress(common) as progress:
        result = build_project(
            project_of(loaded),
            out=loaded.out,
            jobs=jobs or os.cpu_count() or 1,
            check=check,
            clean=clean,
            progress=progress,
        )
        if deep:
            result = _deepened(result, loaded, may_write=not check)
    stale = check and is_stale(result, loaded)
    _show(common, form, result, stale=stale)
    output.note(common, _summary(result, time.monotonic() - began, stale=stale))
    if not result.ok or stale:
        raise typer.Exit(Exit.NEGATIVE)


def _deepened(result: BuildResult, loaded: Loaded, *, may_write: bool) -> BuildResult:
    """Add what the deep check finds: warnings, which are no part of the version."""
    project = project_of(loaded)
    job = Job(project=project, selection=Selection(select=("WFC2", "WFC183")), deep=True)
    files = [path for _, path in project.files()]
    report = lint(job, files, out=loaded.out if may_write else None, slot="deep")
    known = {(one.code, one.place, one.chain[-1:]) for one in result.diagnostics}
    more = [
        one.told
        for one in report.findings
        if (one.code, one.place, one.told.chain[-1:]) not in known
        and one.severity is Severity.WARNING
    ]
    return replace(result, diagnostics=(*result.diagnostics, *more))


def is_stale(result: BuildResult, loaded: Loaded) -> bool:
    """Tell whether the version that stands on the disk is not the one of the sources."""
    return result.version is not None and current_version(loaded.out) != result.version.id


def shown(result: BuildResult) -> list[str]:
    """Write each finding for people."""
    return [render(finding, result.texts) for finding in result.diagnostics]


def _show(common: Common, form: Format, result: BuildResult, *, stale: bool) -> None:
    if common.json or common.jsonl or form is Format.JSON:
        data = _data(result, stale=stale)
        output.result(common.as_json(), "build", data)
    elif form is Format.GITHUB:
        for line in formats.as_github(_findings(result), result.texts):
            sys.stdout.write(line + "\n")
    elif form is Format.SARIF:
        sys.stdout.write(formats.as_sarif(_findings(result), result.texts) + "\n")
    else:
        for text in shown(result):
            sys.stdout.write(text + "\n\n")


def _findings(result: BuildResult) -> list[Finding]:
    """Give the findings as the linter would: its writers are used here too."""
    return [Finding(told=one) for one in result.diagnostics]


def _data(result: BuildResult, *, stale: bool) -> dict[str, Any]:
    return {
        "version": None if result.version is None else result.version.id,
        "folder": None if result.folder is None else str(result.folder),
        "stale": stale,
        "changed": list(result.changed),
        "findings": [to_plain(finding) for finding in result.diagnostics],
    }


def _summary(result: BuildResult, took_s: float, *, stale: bool) -> str:
    errors = sum(finding.severity is Severity.ERROR for finding in result.diagnostics)
    warnings = sum(finding.severity is Severity.WARNING for finding in result.diagnostics)
    if result.version is None:
        head = "no version"
    elif stale:
        head = f"WFC620 the build is out of date: the sources are version {result.version.id}"
    else:
        head = f"version {result.version.id}, {len(result.version.fingerprints)} workflows"
    return f"{head}; {errors} errors, {warnings} warnings; {took_s:.1f} s"


@contextmanager
def _progress(common: Common) -> Iterator[Progress | None]:
    """Show a line of progress on a terminal, once the build has taken half a second."""
    if common.quiet or not output.is_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only people on a terminal need it
    from rich.progress import Progress as Bar  # noqa: PLC0415 - likewise

    with Bar(console=Console(stderr=True), transient=True, disable=False) as bar:
        yield _on(bar, time.monotonic() + _SHOW_AFTER_S)


def _on(bar: Any, from_s: float) -> Callable[[int, int, str], None]:
    task = bar.add_task("build", total=None, visible=False)

    def tell(done: int, total: int, name: str) -> None:
        visible = time.monotonic() >= from_s
        bar.update(task, completed=done, total=total, description=name, visible=visible)

    return tell
