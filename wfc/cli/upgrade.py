"""`wfc upgrade RUN...|FILTER`: move runs in flight to another version, each by its own history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from wfc.cli import output
from wfc.cli.chosen import may, where_of
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.filters import Filter, filtered
from wfc.cli.progress import progress
from wfc.cli.session import hint_if_nobody_works, opened, row_of
from wfc.cli.verdicts import counts_of, lines_of, report_lines, to_plain
from wfc.config import Session
from wfc.errors import InputInvalid
from wfc.ids import RunId
from wfc.runtime.replacing import Many, upgrade_all
from wfc.runtime.verdict import UpgradeReport, Verdict, Waiver
from wfc.worlds.protocol import RunFilter

app = command_app()
_THERE = "already there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    common: Common
    named: tuple[str, ...]
    chosen: Filter
    to: str | None
    dry_run: bool
    accept: tuple[str, ...]
    otherwise: str
    limit: int | None
    batch: int


@app.command()
@filtered
def upgrade(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="V", help="Version: id, its beginning, or label.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would move.")] = False,
    accept: Annotated[
        list[Waiver],
        typer.Option("--accept", metavar="A", help="Overlook inputs, unfinished, hooks, children."),
    ] = [],  # noqa: B006 - likewise
    otherwise: Annotated[
        str, typer.Option(metavar="stay|rerun", help="What becomes of runs that may not move.")
    ] = "stay",
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Look at N runs at most.")] = 0,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="So many at a time.")] = 100,
    chosen: Filter,
) -> None:
    """Move runs to another version, by default the active one; exit 1 if one of them may not."""
    asked = Asked(
        common=Common.of(context),
        named=tuple(runs),
        chosen=chosen,
        to=to or None,
        dry_run=dry_run,
        accept=tuple(one.value for one in accept),
        otherwise=otherwise,
        limit=limit or None,
        batch=batch,
    )
    asyncio.run(_upgrade(asked))


async def _upgrade(asked: Asked) -> None:
    common = asked.common
    loaded = common.load()
    async with opened(loaded) as session:
        if bool(asked.named) == bool(asked.chosen):
            message = "name runs, or choose them by a filter such as --status suspended; not both"
            raise InputInvalid(message)
        runs: RunFilter | list[RunId]
        if asked.named:
            runs = [(await row_of(session, name)).run_id for name in dict.fromkeys(asked.named)]
        else:
            runs = await where_of(session, loaded, asked.chosen)
        report = await _looked(asked, session, runs)
        if report is None or _concerned(asked, report):
            if report is not None and not _may(asked, report):
                return
            report = await _moved(asked, session, runs, dry_run=asked.dry_run)
        if len(asked.named) == 1:
            for error in report.errors.values():
                raise error
        _show(asked, report)
        if report.rerun or any(one.moved for one in report.verdicts):
            await hint_if_nobody_works(common, session)
    if report.stayed or report.cannot or report.errors:
        raise typer.Exit(Exit.NEGATIVE)


async def _looked(
    asked: Asked, session: Session, runs: RunFilter | list[RunId]
) -> UpgradeReport | None:
    """Look first where it is about many; None: there is one run, or nothing is to be written."""
    if asked.dry_run or (not isinstance(runs, RunFilter) and len(runs) == 1):
        return None
    return await _moved(asked, session, runs, dry_run=True)


def _concerned(asked: Asked, report: UpgradeReport) -> list[RunId]:
    """List the runs about which something would be written."""
    anew = asked.otherwise == "rerun"
    return [
        one.run_id
        for one in report.verdicts
        if (not one.is_there if one else anew and not one.is_over)
    ]


def _may(asked: Asked, report: UpgradeReport) -> bool:
    """Show the counts, and ask."""
    for line in report_lines(report, move="would move", there=_THERE):
        output.note(asked.common, line)
    verb = "begin anew or move" if asked.otherwise == "rerun" else "move"
    return may(asked.common, verb, _concerned(asked, report), destructive=True, dry_run=False)


async def _moved(
    asked: Asked, session: Session, runs: RunFilter | Sequence[RunId], *, dry_run: bool
) -> UpgradeReport:
    with progress(asked.common, "upgrade") as tell:
        many = Many(
            to=await session.upgrader.code.named(asked.to),
            dry_run=dry_run,
            accept=asked.accept,
            limit=asked.limit,
            batch_size=asked.batch,
            on_progress=None if tell is None else lambda done, total: tell(done, total, ""),
        )
        return await upgrade_all(session, runs, otherwise=asked.otherwise, many=many)


def _show(asked: Asked, report: UpgradeReport) -> None:
    common = asked.common
    if common.json or common.jsonl:
        data: dict[str, Any] = {
            "to": report.to_version,
            **counts_of(report),
            "verdicts": [to_plain(one) for one in report.verdicts],
        }
        output.result(common, "upgrade", data)
        return
    if report.total == 1 and report.verdicts and not report.rerun:
        for line in _of_one(report.verdicts[0], dry_run=asked.dry_run):
            typer.echo(line)
        return
    moved = "would move" if asked.dry_run else "moved"
    for line in report_lines(report, move=moved, there=_THERE):
        typer.echo(line)


def _of_one(verdict: Verdict, *, dry_run: bool) -> list[str]:
    head = f"{verdict.run_id} {_done(verdict, dry_run=dry_run)}"
    return [head, *lines_of(verdict)]


def _done(verdict: Verdict, *, dry_run: bool) -> str:
    if verdict.moved:
        return f"moved to {verdict.to_version}"
    if not verdict:
        return f"does not move to {verdict.to_version}: {verdict.answer.value}"
    if verdict.is_there and verdict.from_version == verdict.to_version:
        return f"is on {verdict.to_version}"
    if verdict.is_there:
        return f"needs no move: {verdict.to_version} holds the same workflow"
    assert dry_run, "a run that moves is moved"
    return f"would move to {verdict.to_version}"
