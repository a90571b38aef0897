"""`wfc runs`: list runs, newest first."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from wfc.cli import filters, output
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter
from wfc.cli.session import opened
from wfc.eventlog.entity import Run

_REDRAW_S = 0.25
_LOOK_AGAIN_S = 5.0
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
app = command_app()


@app.command()
def runs(
    context: typer.Context,
    *,
    status: filters.Status = "",
    workflow: filters.Workflow = "",
    version: filters.Version = "",
    queue: filters.Queue = "",
    attribute: filters.Attribute = [],  # noqa: B006 - typer copies it
    since: filters.Since = "",
    until: filters.Until = "",
    search: filters.Search = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Runs on a page.")] = 50,
    after: Annotated[str, typer.Option(metavar="CURSOR", help="Where the page begins.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All pages.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show changes until Ctrl-C.")] = False,
) -> None:
    """List runs, newest first."""
    common = Common.of(context)
    chosen = Filter(
        status=status,
        workflow=workflow,
        version=version,
        queue=queue,
        attribute=attribute,
        since=since,
        until=until,
        search=search,
    )
    if watch:
        asyncio.run(_watch(common, chosen, limit))
    else:
        asyncio.run(_list(common, chosen, limit, after or None, every=every))


async def _list(
    common: Common, chosen: Filter, limit: int, after: str | None, *, every: bool
) -> None:
    async with opened(common.load()) as session:
        while True:
            page = await session.world.list_runs(
                chosen.where(session.world.now_us()), cursor=after, limit=limit
            )
            data = [summary(run) for run in page.runs]
            output.result(common, "runs", data, rows=_rows(data), following=page.next)
            after = page.next
            if not (every and after):
                break
    if after:
        output.note(common, f"more: {_again(after)}")


async def _watch(common: Common, chosen: Filter, limit: int) -> None:
    """Show the first page, and what changes on it: a new screen for people, rows for others."""
    shown: dict[str, dict[str, Any]] = {}
    async with opened(common.load()) as session:
        feed = session.world.watch("runs")
        try:
            while True:
                page = await session.world.list_runs(
                    chosen.where(session.world.now_us()), limit=limit
                )
                data = [summary(run) for run in page.runs]
                _show(common, data, shown)
                shown = {run["id"]: run for run in data}
                await asyncio.sleep(_REDRAW_S)
                await feed.changed(_LOOK_AGAIN_S)
        finally:
            feed.close()


def _show(common: Common, data: list[dict[str, Any]], shown: dict[str, dict[str, Any]]) -> None:
    for_people = not (common.json or common.jsonl) and output.is_terminal(sys.stdout)
    if for_people:
        sys.stdout.write(_HOME_AND_CLEAR)
        output.result(common, "runs", data, rows=_rows(data))
    else:
        changed = [run for run in data if shown.get(run["id"]) != run]
        output.stream(common, "runs", changed, rows=_rows(changed), first=not shown)
    sys.stdout.flush()


def summary(run: Run) -> dict[str, Any]:
    """Give what programs read of a run."""
    return {
        "id": run.run_id,
        "workflow": run.workflow,
        "status": run.status,
        "version": run.version,
        "created_at": output.rfc3339(run.created_at),
        "started_at": output.rfc3339(run.started_at),
        "ended_at": output.rfc3339(run.ended_at),
        "wake_at": output.rfc3339(run.wake_at),
        "queue": run.queue,
        "paused": run.paused,
        "blocked": run.blocked,
        "events": run.length,
        "attributes": dict(run.attributes),
    }


def _rows(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("id", "workflow", "status", "created_at", "ended_at", "events")
    return [{name: run[name] for name in names} for run in data]


def _again(cursor: str) -> str:
    """Give the command for the next page."""
    words = [word for word in sys.argv[1:] if not word.startswith("--after")]
    return f"wfc {' '.join(words)} --after={cursor}"
