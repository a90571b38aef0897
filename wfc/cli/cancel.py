"""`wfc cancel RUN...|FILTER`: ask runs to stop; they may clean up."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wfc.api import get_run
from wfc.cli.acting import Act, act_on, ended_already
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered

app = command_app()


@app.command()
@filtered
def cancel(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    reason: Annotated[str, typer.Option(metavar="T", help="Why; stands in the log.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="End at once; the workflow may not clean up.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
    chosen: Filter,
) -> None:
    """Cancel runs; exit 5 if one of them had ended already."""
    act = Act(
        verb="cancel",
        kind="cancelled",
        do=lambda _session, run_ids, troubles: troubles.each(
            run_ids, lambda run_id: get_run(run_id).cancel(reason=reason or None, force=force)
        ),
        row=lambda run_id, done: {"id": run_id, "cancelled": done},
        undone=lambda answers: ended_already([one for one, done in answers.items() if not done]),
        destructive=force,
    )
    asyncio.run(act_on(Common.of(context), runs, chosen, act, dry_run=dry_run))
