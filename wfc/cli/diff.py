"""`wfc diff OLD NEW`: what the edits between two versions mean for runs in flight."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from wfc.cli import diff_text, formats, output
from wfc.cli.against import HERE, Side, resolve
from wfc.cli.common import Common, command_app
from wfc.cli.hints import write_hints
from wfc.compiler.findings import ordered
from wfc.diagnostics import Diagnostic, Place, Severity
from wfc.errors import InputInvalid
from wfc.lint_rules.finding import Finding as Shown
from wfc.manifests.compare import Compared, Comparison, compare
from wfc.manifests.findings import Finding, Hint
from wfc.manifests.levels import Level
from wfc.settings import Loaded

app = command_app()


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


SEVERITIES: Final[Mapping[Level, Severity]] = {
    Level.REPLAY: Severity.WARNING,
    Level.IF_RECORDED: Severity.ERROR,
    Level.BREAKING: Severity.ERROR,
}
"""How bad a finding is; what is compatible is no fault."""


@app.command()
def diff(
    context: typer.Context,
    *,
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A version, git ref, manifest, baseline, or `.`.")
    ],
    new: Annotated[str, typer.Argument(metavar="[NEW]", help="Likewise.")] = HERE,
    sites: Annotated[
        bool, typer.Option("--sites", help="Show which call place is which, and how it was found.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the rename hints that are offered.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = (
        Format.TEXT
    ),
) -> None:
    """Show what edits mean for runs in flight; exit 0 whatever is found."""
    common = Common.of(context)
    loaded = common.load()
    if common.json or common.jsonl:
        form = Format.JSON
    if fix and new != HERE:
        message = "`--fix` writes into the working tree, so NEW must be `.`"
        raise InputInvalid(message)
    before, after = resolve(loaded, old), resolve(loaded, new)
    found = compared(before, after)
    if fix and (written := _fixed(common, loaded, found, after)):
        output.note(common, f"{output.counted(written, 'rename hint')} written")
        after = resolve(loaded, new)
        found = compared(before, after)
    _show(common, form, found, (before, after), sites=sites)


def compared(before: Side, after: Side) -> Comparison:
    """Compare two sides, with all that is known of where things stand."""
    return compare(
        before.manifest,
        after.manifest,
        old_spans=before.spans,
        new_spans=after.spans,
        old_environment=before.environment,
        new_environment=after.environment,
    )


def _fixed(common: Common, loaded: Loaded, found: Comparison, after: Side) -> int:
    hints = {
        one.hint: place
        for workflow in found.workflows.values()
        for one in workflow.findings
        if one.hint is not None and (place := _place_for(one.hint, after)) is not None
    }
    if not hints:
        output.note(common, "no rename hint is offered")
    return write_hints(loaded.root, hints)


def _place_for(hint: Hint, after: Side) -> Place | None:
    """Give the place above which a hint says what it means, if there is one.

    A parameter needs a line of its own: above that of the function it would mean the function.
    """
    place = after.spans.get(hint.new)
    if place is None or not _is_parameter(hint, after):
        return place
    owner = after.spans.get(hint.new.rpartition(".")[0])
    line = after.texts.get(place.path, "").split("\n")[place.line - 1]
    begins = not line.encode()[: place.column].strip()
    return place if begins and owner is not None and owner.line != place.line else None


def _is_parameter(hint: Hint, after: Side) -> bool:
    return hint.new not in after.manifest.steps.keys() | after.manifest.workflows.keys()


# --- printing -----------------------------------------------------------------------------------


def _show(
    common: Common, form: Format, found: Comparison, both: tuple[Side, Side], *, sites: bool
) -> None:
    before, after = both
    listed = list(as_findings(found))
    match form:
        case Format.JSON:
            data = as_plain(found, before, after)
            if sites:
                data["sites"] = list(_sites(found))
            output.result(common.as_json(), "diff", data)
            return
        case Format.GITHUB:
            lines: formats.Lines = formats.as_github(listed, after.texts)
        case Format.SARIF:
            lines = [formats.as_sarif(listed, after.texts)]
        case _:
            lines = diff_text.as_text(found, before, after, sites=sites)
    for line in lines:
        sys.stdout.write(line + "\n")
    output.note(common, diff_text.summary(found))


def as_findings(found: Comparison) -> Iterator[Shown]:
    """Give what may stop a run as findings of the linter, for its writers, sorted by place."""
    told = [
        _diagnostic(workflow, one)
        for workflow in found.workflows.values()
        for one in workflow.findings
        if one.level in SEVERITIES
    ]
    for diagnostic in ordered(dict.fromkeys(told)):
        yield Shown(told=diagnostic)


def _diagnostic(workflow: Compared, one: Finding) -> Diagnostic:
    reason = one.reason
    module = workflow.old.partition(":")[0]
    place = reason.new_span or reason.old_span or Place(f"{module.replace('.', '/')}.py")
    return Diagnostic(
        code=reason.code,
        severity=SEVERITIES[one.level],
        sentence=f"{workflow.old}, {one.level}: {reason.sentence}",
        place=place,
        chain=reason.chain,
        fix=one.fix,
    )


def as_plain(found: Comparison, before: Side, after: Side) -> dict[str, Any]:
    """Give a comparison for programs, as dicts, lists and scalars."""

    def place(at: Place | None, texts: formats.Texts) -> dict[str, Any] | None:
        return None if at is None else {"path": at.path, **formats.printed(at, texts)._asdict()}

    return {
        "old": before.name,
        "new": after.name,
        "level": found.level,
        "workflows": [
            {"id": one.old, "new": one.new, "level": one.level} for one in found.workflows.values()
        ],
        "added": list(found.added),
        "findings": [
            {
                "code": one.reason.code,
                "level": one.level,
                "sentence": one.reason.sentence,
                "workflow": workflow.old,
                "site": one.site,
                "old": place(one.reason.old_span, before.texts),
                "new": place(one.reason.new_span, after.texts),
                "chain": [
                    {"what": link.what, **(place(link.place, after.texts) or {})}
                    for link in one.reason.chain
                ],
                "fix": one.fix,
            }
            for workflow in found.workflows.values()
            for one in workflow.findings
        ],
        "shown": [{"id": one.id, "notes": list(one.notes)} for one in found.shown],
    }


def _sites(found: Comparison) -> Iterator[dict[str, Any]]:
    for workflow in found.workflows.values():
        for pair in workflow.sites.pairs:
            yield {"workflow": workflow.old, "old": pair.old, "new": pair.new, "pass": pair.by}
        for site in workflow.sites.gone:
            yield {"workflow": workflow.old, "old": site, "new": None, "pass": None}
        for site in workflow.sites.fresh:
            yield {"workflow": workflow.old, "old": None, "new": site, "pass": None}
