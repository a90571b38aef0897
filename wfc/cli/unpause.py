"""`wfc unpause RUN...|FILTER`: let paused runs go on."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wfc.cli import filters
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter
from wfc.cli.pausing import change
from wfc.runtime.controls import unpause_all

app = command_app()


@app.command()
def unpause(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
    status: filters.Status = "",
    workflow: filters.Workflow = "",
    version: filters.Version = "",
    queue: filters.Queue = "",
    attribute: filters.Attribute = [],  # noqa: B006 - likewise
    since: filters.Since = "",
    until: filters.Until = "",
    search: filters.Search = "",
) -> None:
    """Let paused runs go on; exit 5 if one of them has ended."""
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
    asyncio.run(
        change(
            Common.of(context),
            runs,
            chosen,
            "unpause",
            lambda session, runs: unpause_all(session, runs, dry_run=False),
            dry_run=dry_run,
        )
    )
