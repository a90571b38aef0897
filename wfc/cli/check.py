"""`wfc check --against REF|FILE|WORLD`: the gate before a deploy, for the sake of open runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wfc.cli import diff_text, formats, output
from wfc.cli.against import HERE, Side, resolve
from wfc.cli.checking import Checked, Checker, Judged, check_there, is_world
from wfc.cli.common import Common, command_app
from wfc.cli.diff import as_findings, as_plain, compared
from wfc.cli.excused import without_excused
from wfc.cli.failure import Exit
from wfc.cli.filters import duration
from wfc.cli.leftovers import Leftover, leftovers
from wfc.cli.verdicts import counts_of, report_lines, to_plain
from wfc.durations import seconds
from wfc.errors import InputInvalid
from wfc.lint_rules.finding import Finding as Shown
from wfc.manifests.compare import Comparison
from wfc.manifests.levels import Level
from wfc.manifests.manifest import baseline_text
from wfc.manifests.store import BASELINE
from wfc.settings import Loaded

app = command_app()


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class FailOn(StrEnum):
    """From what on the answer is no."""

    CANNOT = "cannot"
    STAY = "stay"
    BREAKING = "breaking"
    IF_RECORDED = "if_recorded"
    REPLAY = "replay"


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found against everything that was asked for."""

    new: Side
    comparisons: list[tuple[Side, Comparison]] = field(default_factory=list)
    runs: Checked | None = None
    failed: bool = False
    """Whether failed runs were looked at, too."""

    @property
    def leftovers(self) -> tuple[Leftover, ...]:
        """List what no run needs any more; only a world, or exported runs, can tell."""
        runs = self.runs
        if runs is None or len(runs.versions) < len(runs.in_use):
            return ()  # a version in use that is not held may know anything
        return leftovers(self.new, runs.versions)

    @property
    def level(self) -> Level:
        """Give the highest level of all comparisons."""
        return max((one.level for _, one in self.comparisons), default=Level.IDENTICAL)


@app.command()
def check(
    context: typer.Context,
    *,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="X", help="A version, git ref, manifest, baseline or world."
        ),
    ] = None,
    histories: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Runs that `wfc export` wrote, instead of a world."),
    ] = None,
    status: Annotated[
        str, typer.Option(metavar="failed", help="Add the failed runs to the open ones.")
    ] = "",
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="From what on to exit 1.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Processes; 0 is one a core.")] = 0,
    time_limit: Annotated[
        str, typer.Option("--time-limit", metavar="D", help="Stop replaying then; exit 6.")
    ] = "",
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help=f"Write {BASELINE}, to be committed.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = (
        Format.TEXT
    ),
) -> None:
    """Refuse a change that would strand runs: compare manifests, and replay all open runs.

    Without --against it is the committed baseline, or else the world of the settings.
    """
    common = Common.of(context)
    loaded = common.load()
    if common.json or common.jsonl:
        form = Format.JSON
    if status not in {"", "failed"}:
        message = f"--status {status}: only `failed` can be added to the open runs"
        raise InputInvalid(message)
    new = resolve(loaded, HERE)
    if write_baseline:
        _write_baseline(common, loaded, new)
        return
    limit = duration("--time-limit", time_limit)
    limit_s = None if limit is None else seconds(limit)
    for one in against or ():
        check_there(loaded, one)
    asked = _asked(loaded, against, histories)
    found = Found(new=new, comparisons=list(_compared(loaded, asked, new)), failed=bool(status))
    worlds = [one for one in asked if is_world(one)]
    if worlds or histories is not None:
        checker = Checker(
            common, loaded, new, Judged(jobs=jobs, failed=bool(status), limit_s=limit_s)
        )
        for url in worlds:
            checker.world(url)
        if histories is not None:
            checker.histories(histories)
        found.runs = checker.checked
        for before in found.runs.versions if found.runs is not None else ():
            found.comparisons.append((before, without_excused(compared(before, new), new)))
    _show(common, form, found)
    _exit(found, fail_on)


def _asked(loaded: Loaded, against: list[str] | None, histories: Path | None) -> list[str]:
    if against or histories is not None:
        return list(against or ())
    baseline = loaded.root / BASELINE
    return [str(baseline)] if baseline.is_file() else [loaded.settings.world]


def _compared(loaded: Loaded, asked: Sequence[str], new: Side) -> Iterator[tuple[Side, Comparison]]:
    for one in asked:
        if not is_world(one):
            before = resolve(loaded, one)
            yield before, without_excused(compared(before, new), new)


def _write_baseline(common: Common, loaded: Loaded, new: Side) -> None:
    path = loaded.root / BASELINE
    text = baseline_text(new.manifest)
    before = path.read_text("utf-8") if path.is_file() else None
    if before == text:
        output.note(common, f"{BASELINE} says the same already")
        return
    beside = path.with_suffix(".tmp")
    beside.write_text(text, "utf-8")
    beside.replace(path)
    output.note(common, f"{BASELINE} written; commit it: reviewing it is the upgrade review")


# --- printing -----------------------------------------------------------------------------------


def _show(common: Common, form: Format, found: Found) -> None:
    match form:
        case Format.JSON:
            output.result(common.as_json(), "check", _plain(found))
            return
        case Format.SARIF:
            lines: Iterable[str] = [formats.as_sarif(list(_listed(found)), found.new.texts)]
        case Format.GITHUB:
            lines = formats.as_github(list(_listed(found)), found.new.texts)
        case _:
            lines = _text(found)
    for line in lines:
        sys.stdout.write(line + "\n")


def _listed(found: Found) -> Iterator[Shown]:
    seen: set[Any] = set()
    for _, comparison in found.comparisons:
        for one in as_findings(comparison):
            if one.told not in seen:
                seen.add(one.told)
                yield one


def _plain(found: Found) -> dict[str, Any]:
    against = [as_plain(comparison, before, found.new) for before, comparison in found.comparisons]
    data: dict[str, Any] = {
        "level": found.level,
        "against": against,
        "findings": [finding for one in against for finding in one["findings"]],
    }
    data["leftovers"] = [
        {
            "code": one.code,
            "sentence": one.sentence,
            "path": one.place.path if one.place is not None else None,
            "line": one.place.line if one.place is not None else None,
        }
        for one in found.leftovers
    ]
    if found.runs is not None:
        data |= counts_of(found.runs.report)
        data["events"] = found.runs.events
        data["unread"] = list(found.runs.unread)
        data["verdicts"] = [to_plain(one) for one in found.runs.report.verdicts]
    return data


def _text(found: Found) -> Iterator[str]:
    runs = found.runs
    version = found.new.version.id if found.new.version is not None else found.new.name
    if runs is None:
        yield f"{version} against {', '.join(before.name for before, _ in found.comparisons)}"
    else:
        kind = "open and failed run" if found.failed else "open run"
        count = output.counted(runs.report.total + len(runs.unread), kind)
        yield f"{version} against {output.counted(len(runs.in_use), 'version')} in use, {count}"
    yield from diff_text.as_findings([one for _, one in found.comparisons])
    if runs is None:
        return
    yield (
        f"replayed {output.counted(runs.report.total, 'run')}, "
        f"{output.counted(runs.events, 'event')}, "
        f"{runs.events / max(runs.took_s, 1e-9):,.0f} events/s"
    )
    yield from report_lines(runs.report, move="move")
    for one in found.leftovers:
        where = f"   {one.place.path}:{one.place.line}" if one.place is not None else ""
        yield f"{one.code} {one.sentence}{where}"
    if runs.unread:
        yield f"not read in time: {' '.join(runs.unread)}"


def _exit(found: Found, fail_on: FailOn | None) -> None:
    runs = found.runs
    if runs is not None and runs.unread:
        raise typer.Exit(Exit.INCOMPLETE)
    wanted = fail_on or (FailOn.IF_RECORDED if runs is None else FailOn.CANNOT)
    refused = False
    if wanted in {FailOn.CANNOT, FailOn.STAY}:
        if runs is not None:
            report = runs.report
            stays = report.stayed if wanted is FailOn.STAY else 0
            refused = bool(report.cannot or report.errors or stays)
    else:
        refused = found.level >= Level(wanted.value)
    if refused:
        raise typer.Exit(Exit.NEGATIVE)
