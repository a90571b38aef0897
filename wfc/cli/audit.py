"""`wfc audit`: who changed what about the world itself, newest first."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered_by
from wfc.cli.runs import again
from wfc.cli.session import opened
from wfc.worlds.protocol import AuditFilter, Noted

app = command_app()


@app.command()
@filtered_by("since", "until")
def audit(
    context: typer.Context,
    *,
    action: Annotated[
        str, typer.Option(metavar="A", help="Only these: version.activated, schedule.paused ...")
    ] = "",
    actor: Annotated[str, typer.Option(metavar="WHO", help="Only what this one did.")] = "",
    chosen: Filter,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Facts on a page.")] = 50,
    after: Annotated[
        int, typer.Option(min=0, metavar="N", help="Where the page begins: below this number.")
    ] = 0,
) -> None:
    """List facts about the world itself; what was done to a run stands in its own log."""
    asyncio.run(_audit(Common.of(context), chosen, (action, actor), limit, after or None))


async def _audit(
    common: Common, times: Filter, wanted: tuple[str, str], limit: int, before: int | None
) -> None:
    async with opened(common.load()) as session:
        bounds = times.where(session.world.now_us())
        where = AuditFilter(
            action=wanted[0] or None,
            actor=wanted[1] or None,
            since=bounds.created_from,
            until=bounds.created_until,
        )
        found = await session.world.audit(where, before=before, limit=limit + 1)
    data = [_data(one) for one in found[:limit]]
    following = str(data[-1]["number"]) if len(found) > limit else None
    output.result(common, "audit", data, following=following)
    if following:
        output.note(common, f"more: {again(sys.argv[1:], following)}")


def _data(one: Noted) -> dict[str, Any]:
    return {
        "number": one.number,
        "at": output.rfc3339(one.at),
        "actor": one.note.actor,
        "channel": one.note.channel,
        "action": one.note.action,
        "details": dict(one.note.details),
    }
