"""`wfc wake RUN...|FILTER`: end sleeps, pauses between attempts and delayed starts now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer

from wfc.api import get_run
from wfc.cli.acting import Act, act_on
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered

app = command_app()


@app.command()
@filtered
def wake(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    wait: Annotated[
        list[str], typer.Option("--wait", metavar="W", help="Only this wait or step; repeat.")
    ] = [],  # noqa: B006 - likewise
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
    chosen: Filter,
) -> None:
    """End the sleeps and retry pauses of runs; exit 5 if there was nothing to end."""
    act = Act(
        verb="wake",
        kind="woken",
        do=lambda _session, run_ids, troubles: troubles.each(
            run_ids, lambda run_id: get_run(run_id).wake_up(wait or None)
        ),
        row=lambda run_id, count: {"id": run_id, "woken": count},
        undone=_undone,
    )
    asyncio.run(act_on(Common.of(context), runs, chosen, act, dry_run=dry_run))


def _undone(woken: Mapping[str, int]) -> str | None:
    """Say that none of the runs slept; with none that answered there is other trouble."""
    return "nothing was asleep" if woken and not any(woken.values()) else None
