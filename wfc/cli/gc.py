"""`wfc gc`: remove runs that ended longer ago than they are kept."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from wfc.cli import output
from wfc.cli.chosen import EXAMPLES, may
from wfc.cli.common import Common, command_app
from wfc.cli.filters import duration, to_us_of
from wfc.cli.progress import progress
from wfc.cli.session import opened
from wfc.config import retention_s
from wfc.runtime.collecting import collect, kept_us

app = command_app()


@app.command()
def gc(
    context: typer.Context,
    *,
    older_than: Annotated[
        str,
        typer.Option(
            metavar="D", help="Runs that ended longer ago; else `[tool.wfc] retention` says."
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show how many.")] = False,
) -> None:
    """Remove ended runs with all that was recorded of them; workers do so too, by and by.

    A run whose start or workflow has a retention of its own keeps to that, whatever is asked for.
    """
    given = duration("--older-than", older_than)
    asyncio.run(_gc(Common.of(context), None if given is None else to_us_of(given), dry_run))


async def _gc(common: Common, given_us: int | None, dry_run: bool) -> None:  # noqa: FBT001 - the option itself
    loaded = common.load()
    kept = kept_us(retention_s(loaded.settings)) if given_us is None else given_us
    async with opened(loaded) as session:
        world = session.world
        found = await world.expired(kept_us=kept, limit=EXAMPLES)
        removed = 0
        if may(
            common,
            "remove",
            found.run_ids,
            count=found.count,
            destructive=True,
            dry_run=dry_run,
        ):
            with progress(common, "removing runs") as tell:

                def told(done: int) -> None:
                    if tell is not None:
                        tell(done, max(done, found.count), "")

                removed = await collect(
                    world, kept, told, actor=session.actor, channel=session.channel
                )
    data = {"expired": found.count, "examples": list(found.run_ids), "removed": removed}
    text = f"{output.counted(removed, 'run')} removed"
    output.result(common, "collected", data, text=text)
