"""`wfc build`: compile the project into a version, and show what stands in the way."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wfc.cli import formats, output, watching
from wfc.cli.building import build_judged, deepened
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.fixes import fix_files
from wfc.cli.looking import Diff, Fix, Jobs, Watch, processes
from wfc.cli.progress import progress
from wfc.cli.watching import News
from wfc.cli.workflows import tell_if_empty
from wfc.compiler.build import BuildResult
from wfc.compiler.findings import to_plain
from wfc.config import project_of
from wfc.diagnostics import Severity, render
from wfc.errors import InputInvalid
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.run import Job, lint
from wfc.manifests.store import current_version
from wfc.settings import Loaded

app = command_app()


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    common: Common
    loaded: Loaded
    form: Format
    paths: tuple[Path, ...]
    jobs: int
    check: bool
    clean: bool
    deep: bool


@app.command()
def build(
    context: typer.Context,
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Show findings in these files and folders alone."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the build is out of date.")
    ] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Forget the caches first.")] = False,
    jobs: Jobs = 0,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = (
        Format.TEXT
    ),
    fix: Fix = False,
    diff: Diff = False,
    watch: Watch = False,
    out: Annotated[str, typer.Option(metavar="DIR", help="Where versions are written.")] = "",
    deep: Annotated[
        bool, typer.Option("--deep/--no-deep", help="Also infer what names do not tell.")
    ] = True,
) -> None:
    """Compile the project into a version; exit 1 if a finding is an error.

    A version always holds the whole project: PATH only chooses whose findings are shown, which are
    those that stand there or whose chain passes through.
    """
    common = Common.of(context)
    asked = Asked(
        common=common,
        loaded=common.load(out=out or None),
        form=Format.JSON if common.json or common.jsonl else form,
        paths=tuple(map(_there, paths or ())),
        jobs=processes(jobs),
        check=check,
        clean=clean,
        deep=deep,
    )
    if (fix or diff) and _fixed(asked, write=not diff) and diff:
        raise typer.Exit(Exit.NEGATIVE)
    if diff:
        return
    if watch:
        _watch(asked)
        return
    began = time.monotonic()
    result = _built(asked)
    stale = check and is_stale(result, asked.loaded)
    found, others = _chosen(asked, result)
    _show(asked, result, found, stale=stale)
    output.note(common, _summary(result, time.monotonic() - began, stale=stale) + others)
    if result.version is not None:
        tell_if_empty(common, asked.loaded.root, result.version.fingerprints)
    if not result.ok or stale:
        raise typer.Exit(Exit.NEGATIVE)


def _fixed(asked: Asked, *, write: bool) -> bool:
    """Do the safe fixes in the files of the project, or show them; tell whether there are any."""
    project = project_of(asked.loaded)
    job = Job(project=project)
    files = [path for _, path in project.files()]
    changed = fix_files(job, lint(job, files).findings, write=write)
    output.note(asked.common, f"{changed} {'fixed' if write else 'would be fixed'}")
    return changed > 0


def _there(path: Path) -> Path:
    """Give a path from the root on. Raises `InputInvalid` if nothing is there."""
    if not path.exists():
        message = f"{path} is not there, so no finding could be shown in it"
        raise InputInvalid(message)
    return path.resolve()


def _built(asked: Asked) -> BuildResult:
    with progress(asked.common, "build") as tell:
        result = build_judged(
            asked.loaded, jobs=asked.jobs, check=asked.check, clean=asked.clean, progress=tell
        )
        if asked.deep:
            result = deepened(result, asked.loaded, may_write=not asked.check)
    return result


def _chosen(asked: Asked, result: BuildResult) -> tuple[list[Finding], str]:
    """Give the findings to show, and what to say of the others."""
    found = [Finding(told=one) for one in result.diagnostics]
    if not asked.paths:
        return found, ""
    root = asked.loaded.root.resolve()

    def is_asked_for(one: Finding) -> bool:
        shown = {one.place.path, *(link.place.path for link in one.told.chain)}
        places = [(root / name).resolve() for name in shown]
        return any(place.is_relative_to(path) for place in places for path in asked.paths)

    chosen = [one for one in found if is_asked_for(one)]
    hidden = len(found) - len(chosen)
    return chosen, f"; {hidden} findings elsewhere" if hidden else ""


def _watch(asked: Asked) -> None:
    """Build, tell all findings; then build after each change, and tell new and cured ones."""
    if asked.check or asked.form is Format.SARIF:
        message = "--watch goes with neither --check nor --format sarif, which are for one build"
        raise typer.BadParameter(message)
    news = News()

    def look() -> None:
        began = time.monotonic()
        result = _built(asked)
        found, others = _chosen(asked, result)
        new, cured = news.since(found, result.texts)
        _show_news(asked, result, new, cured)
        sys.stdout.flush()
        summary = _summary(result, time.monotonic() - began, stale=False)
        output.note(asked.common, f"{summary}; {len(new)} new, {len(cured)} cured{others}")

    watching.watch(asked.loaded.root, look)


def is_stale(result: BuildResult, loaded: Loaded) -> bool:
    """Tell whether the version that stands on the disk is not the one of the sources."""
    return result.version is not None and current_version(loaded.out) != result.version.id


def shown(result: BuildResult) -> list[str]:
    """Write each finding for people."""
    return [render(finding, result.texts) for finding in result.diagnostics]


def _show(asked: Asked, result: BuildResult, found: Sequence[Finding], *, stale: bool) -> None:
    if asked.form is Format.JSON:
        plain = [to_plain(one.told) for one in found]
        data = {**_data(result), "stale": stale, "findings": plain}
        output.result(asked.common.as_json(), "build", data)
    else:
        _write(asked.form, found, result.texts)


def _show_news(
    asked: Asked, result: BuildResult, new: Sequence[Finding], cured: Sequence[Finding]
) -> None:
    """Tell a change: an object a build for programs; for people the cured ones on a line each."""
    if asked.form is Format.JSON:
        data = {name: [to_plain(one.told) for one in group] for name, group in (
            ("new", new), ("cured", cured)
        )}  # fmt: skip
        output.stream(
            asked.common.as_json(), "build", [{**_data(result), **data}], rows=[], first=False
        )
        return
    _write(asked.form, new, result.texts)
    for line in formats.as_concise(cured, result.texts) if asked.form is Format.TEXT else ():
        sys.stdout.write(f"cured: {line}\n")


def _write(form: Format, found: Sequence[Finding], texts: formats.Texts) -> None:
    match form:
        case Format.GITHUB:
            lines: formats.Lines = formats.as_github(found, texts)
        case Format.SARIF:
            lines = [formats.as_sarif(found, texts)]
        case _:
            lines = formats.as_text(found, texts)
    for line in lines:
        sys.stdout.write(line + "\n")


def _data(result: BuildResult) -> dict[str, Any]:
    return {
        "version": None if result.version is None else result.version.id,
        "folder": None if result.folder is None else str(result.folder),
        "changed": list(result.changed),
    }


def _summary(result: BuildResult, took_s: float, *, stale: bool) -> str:
    errors = sum(finding.severity is Severity.ERROR for finding in result.diagnostics)
    warnings = sum(finding.severity is Severity.WARNING for finding in result.diagnostics)
    if result.version is None:
        head = "no version"
    elif stale:
        head = f"WFC620 the build is out of date: the sources are version {result.version.id}"
    else:
        workflows = output.counted(len(result.version.fingerprints), "workflow")
        head = f"version {result.version.id}, {workflows}"
    found = f"{output.counted(errors, 'error')}, {output.counted(warnings, 'warning')}"
    return f"{head}; {found}; {took_s:.1f} s"
