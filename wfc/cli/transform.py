"""`wfc transform FILE`: what the compiler makes of one file."""

from __future__ import annotations

import difflib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wfc.cli import formats, output, watching
from wfc.cli.build import shown
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.watching import News
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.config import load_preludes, project_of
from wfc.errors import InputInvalid
from wfc.ids import ModuleName
from wfc.lint_rules.finding import Finding
from wfc.manifests.bundle import Bundle
from wfc.manifests.plain import bundle_to_plain
from wfc.manifests.store import Version
from wfc.settings import Loaded

app = command_app()


class View(StrEnum):
    """What to show."""

    WORKFLOW = "workflow"
    STEP = "step"
    DIFF = "diff"
    SITES = "sites"
    JSON = "json"


@app.command()
def transform(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A module of the project.")],
    view: Annotated[View, typer.Option(help="What to show.")] = View.WORKFLOW,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again whenever it changes.")
    ] = False,
) -> None:
    """Show what the compiler makes of one file; writes nothing."""
    common = Common.of(context)
    loaded = common.load()
    project = project_of(loaded)
    module = module_of(project, file)
    if watch:
        _watch(common, loaded, view, module, file)
        return
    result = build(project, out=loaded.out, check=True, load=load_preludes)
    for text in shown(result):
        output.note(common, text)
    if result.version is None:
        raise typer.Exit(Exit.NEGATIVE)
    _show(common, view, result.version, module, file)


def _watch(common: Common, loaded: Loaded, view: View, module: ModuleName, file: Path) -> None:
    """Show the file; after each change what is new, what is cured, and the file if it differs."""
    news = News()
    before: list[object] = []

    def look() -> None:
        result = build(project_of(loaded), out=loaded.out, check=True, load=load_preludes)
        new, cured = news.since([Finding(told=one) for one in result.diagnostics], result.texts)
        for text in formats.as_text(new, result.texts):
            output.note(common, text)
        for line in formats.as_concise(cured, result.texts):
            output.note(common, f"cured: {line}")
        if result.version is None or not file.exists():
            return
        now = [result.version.workflow.get(module), result.version.step.get(module)]
        if now != before:
            before[:] = now
            _show(common, view, result.version, module, file)
            sys.stdout.flush()

    watching.watch(loaded.root, look)


def module_of(project: Project, file: Path) -> ModuleName:
    """Name the module that a file is. Raises `InputInvalid`."""
    wanted = file.resolve()
    for name, path in project.files():
        if path.resolve() == wanted:
            return name
    why = "is not there" if not file.exists() else "belongs to none of the project's packages"
    message = (
        f"{file} {why}.\nFirst party are: {', '.join(project.packages) or 'no packages'} under "
        f"{project.root} (`packages` and `source` of [tool.wfc])"
    )
    raise InputInvalid(message)


def _show(common: Common, view: View, version: Version, module: ModuleName, file: Path) -> None:
    workflow, step = version.workflow.get(module), version.step.get(module)
    data = {"workflow": _plain(workflow), "step": _plain(step)}
    if common.json or view is View.JSON:
        output.result(common.as_json(), "bundles", {"module": module, **data})
    elif view is View.SITES:
        output.result(common, "sites", _sites(workflow))
    elif view is View.DIFF:
        sys.stdout.write(_diff(file, workflow, step))
    else:
        bundle = workflow if view is View.WORKFLOW else step
        if bundle is None:
            output.note(common, f"{file} has no {view} bundle: nothing in it is needed for one")
            return
        sys.stdout.write(bundle.text)


def _plain(bundle: Bundle | None) -> dict[str, Any] | None:
    return None if bundle is None else bundle_to_plain(bundle)


def _sites(bundle: Bundle | None) -> list[dict[str, Any]]:
    if bundle is None:
        return []
    return [
        {
            "site": f"{site.callee}~{site.place}",
            "function": site.function,
            "line": site.span.line,
            "column": site.span.column + 1,
            "blocks": list(site.blocks),
        }
        for site in bundle.sites
    ]


def _diff(file: Path, workflow: Bundle | None, step: Bundle | None) -> str:
    source = file.read_text(encoding="utf-8").splitlines(keepends=True)
    parts: list[str] = []
    for label, bundle in (("workflow", workflow), ("step", step)):
        if bundle is not None:
            made = bundle.text.splitlines(keepends=True)
            parts += difflib.unified_diff(source, made, str(file), f"{file} ({label} bundle)")
    return "".join(parts)
