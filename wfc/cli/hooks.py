"""`wfc hooks`: list the places where runs wait for values from outside."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from wfc.api import list_hooks
from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.runs import again
from wfc.cli.session import opened, readable, row_of
from wfc.types import HookSummary

SHOWN = ("id", "kind", "status", "token", "run", "workflow", "received", "created_at")
"""What people read of a hook."""
app = command_app()


@app.command()
def hooks(
    context: typer.Context,
    *,
    run: Annotated[str, typer.Option(metavar="R", help="Only those of this run.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Hooks on a page.")] = 50,
    after: Annotated[str, typer.Option(metavar="CURSOR", help="Where the page begins.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Also those that have ended; all pages.")
    ] = False,
) -> None:
    """List the hooks that take values, newest first."""
    asyncio.run(_list(Common.of(context), run or None, limit, after or None, every=every))


async def _list(
    common: Common, run: str | None, limit: int, after: str | None, *, every: bool
) -> None:
    async with opened(common.load()) as session:
        if run is not None:
            await row_of(session, run)
        pages = output.Pages(common, "hooks")
        status = None if every else "active"
        while True:
            page = await list_hooks(run=run, status=status, cursor=after, limit=limit)
            data = [summary(hook) for hook in page.items]
            pages.add(data, [{name: one[name] for name in SHOWN} for one in data])
            after = page.next
            if not (every and after):
                break
    pages.end(after)
    if pages.empty and output.is_terminal(sys.stdout):
        output.note(common, "no hook takes anything now; `--all` lists those that did")
    if after:
        output.note(common, f"more: {again(sys.argv[1:], after)}")


def summary(hook: HookSummary) -> dict[str, Any]:
    """Give what programs read of a hook."""
    return {
        "id": hook.id,
        "kind": hook.kind,
        "status": hook.status,
        "token": hook.token,
        "run": hook.run_id,
        "workflow": hook.workflow,
        "site": hook.site,
        "received": hook.received,
        "created_at": output.rfc3339(hook.created_at),
        "disposed_at": output.rfc3339(hook.disposed_at),
        "metadata": readable(hook.metadata),
        "json_schema": hook.json_schema,
    }
