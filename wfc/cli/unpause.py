"""`wfc unpause RUN...|FILTER`: let paused runs go on."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wfc.cli.acting import act_on
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered
from wfc.cli.pausing import pausing
from wfc.runtime.controls import unpause_all

app = command_app()


@app.command()
@filtered
def unpause(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
    chosen: Filter,
) -> None:
    """Let paused runs go on; exit 5 if one of them has ended."""
    act = pausing(
        "unpause",
        lambda session, runs: unpause_all(session, runs, dry_run=False),
    )
    asyncio.run(act_on(Common.of(context), runs, chosen, act, dry_run=dry_run))
