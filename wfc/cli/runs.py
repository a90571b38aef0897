"""`wfc runs`: list runs, newest first."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from wfc.cli import output
from wfc.cli.chosen import where_of
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered
from wfc.cli.run_rows import rows_of, summary
from wfc.cli.session import opened

_AFTER = "--after"
app = command_app()


@app.command()
@filtered
def runs(
    context: typer.Context,
    *,
    chosen: Filter,
    late: Annotated[bool, typer.Option("--late", help="Only runs beyond their goal.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Runs on a page.")] = 50,
    after: Annotated[str, typer.Option(metavar="CURSOR", help="Where the page begins.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All pages.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show changes until Ctrl-C.")] = False,
) -> None:
    """List runs, newest first."""
    common = Common.of(context)
    chosen = replace(chosen, late=late)
    if watch:
        from wfc.cli.runs_watch import watch as watched  # noqa: PLC0415 - not for a list

        asyncio.run(watched(common, chosen, limit))
    else:
        asyncio.run(_list(common, chosen, limit, after or None, every=every))


async def _list(
    common: Common, chosen: Filter, limit: int, after: str | None, *, every: bool
) -> None:
    loaded = common.load()
    async with opened(loaded) as session:
        where = await where_of(session, loaded, chosen)
        pages = output.Pages(common, "runs")
        while True:
            page = await session.world.list_runs(where, cursor=after, limit=limit)
            data = [summary(run, session.world.now_us()) for run in page.runs]
            pages.add(data, rows_of(data))
            after = page.next
            if not (every and after):
                break
    pages.end(after)
    if pages.empty and output.is_terminal(sys.stdout):
        output.note(common, "no run fits" if chosen else "no runs yet; `wfc start` begins one")
    if after:
        output.note(common, f"more: {again(sys.argv[1:], after)}")


def again(words: Sequence[str], cursor: str) -> str:
    """Give the command for the next page: the same words, after another place."""
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if _AFTER not in {before, word} and not word.startswith(f"{_AFTER}=")
    ]
    return shlex.join(["wfc", *kept, f"{_AFTER}={cursor}"])
