"""`wfc wake RUN...|FILTER`: end sleeps, pauses between attempts and delayed starts now."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wfc.api import get_run
from wfc.cli import output
from wfc.cli.chosen import Troubles, may, runs_of
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.filters import Filter, filtered
from wfc.cli.session import opened, wait_for_reaction

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
    asyncio.run(_wake(Common.of(context), runs, chosen, wait, dry_run=dry_run))


async def _wake(
    common: Common, named: list[str], chosen: Filter, waits: list[str], *, dry_run: bool
) -> None:
    loaded = common.load()
    async with opened(loaded) as session:
        troubles = Troubles()
        run_ids = await runs_of(session, loaded, named, chosen, troubles)
        much = len(run_ids) > 1
        if not may(common, "wake", run_ids, destructive=much, dry_run=dry_run):
            troubles.tell(common)
            return
        woken = await troubles.each(run_ids, lambda run_id: get_run(run_id).wake_up(waits or None))
        data = [{"id": run_id, "woken": count} for run_id, count in woken.items()]
        output.result(common, "woken", [*data, *troubles.rows()], rows=data)
        idle = not sum(woken.values())
        if idle:
            output.note(common, "nothing was asleep")
        troubles.tell(common, others=Exit.CONFLICT if idle else Exit.GOOD)
        await wait_for_reaction(common, session, run_ids)
