"""`wfc cancel RUN...|FILTER`: ask runs to stop; they may clean up."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

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
    options = {"reason": reason or None, "force": force}
    asyncio.run(_cancel(Common.of(context), runs, chosen, options, dry_run=dry_run))


async def _cancel(
    common: Common, named: list[str], chosen: Filter, options: dict[str, Any], *, dry_run: bool
) -> None:
    loaded = common.load()
    async with opened(loaded) as session:
        troubles = Troubles()
        run_ids = await runs_of(session, loaded, named, chosen, troubles)
        much = options["force"] or len(run_ids) > 1
        if not may(common, "cancel", run_ids, destructive=much, dry_run=dry_run):
            troubles.tell(common)
            return
        answers = await troubles.each(run_ids, lambda run_id: get_run(run_id).cancel(**options))
        data = [{"id": run_id, "cancelled": done} for run_id, done in answers.items()]
        output.result(common, "cancelled", [*data, *troubles.rows()], rows=data)
        ended = [run_id for run_id, done in answers.items() if not done]
        if ended:
            output.note(common, f"ended already: {', '.join(ended)}")
        troubles.tell(common, others=Exit.CONFLICT if ended else Exit.GOOD)
        await wait_for_reaction(common, session, run_ids)
