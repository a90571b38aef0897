"""`wfc pause RUN...|FILTER`: no new decision and no new body until `wfc unpause`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wfc.cli.acting import act_on
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered
from wfc.cli.pausing import pausing
from wfc.runtime.controls import pause_all

app = command_app()


@app.command()
@filtered
def pause(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    reason: Annotated[str, typer.Option(metavar="T", help="Why; stands in the log.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
    chosen: Filter,
) -> None:
    """Pause runs: bodies under way end, nothing new begins; exit 5 if one has ended."""
    act = pausing(
        "pause",
        lambda session, runs: pause_all(session, runs, reason=reason or None, dry_run=False),
    )
    asyncio.run(act_on(Common.of(context), runs, chosen, act, dry_run=dry_run))
