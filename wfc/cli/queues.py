"""`wfc queues`: how full queues and limits are, and who waits."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.session import opened
from wfc.config import named_limits
from wfc.worlds.limits import Gate, GateState, is_queue, plain_name

_SHOWN = ("name", "kind", "key", "running", "waiting", "concurrency", "rate", "oldest", "opens_at")
app = command_app()


@app.command()
def queues(
    context: typer.Context,
    *,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those for which somebody waits.")
    ] = False,
) -> None:
    """List queues and limits of workflows and steps: how many run, how many wait, since when."""
    asyncio.run(_list(Common.of(context), waiting=waiting))


async def _list(common: Common, *, waiting: bool) -> None:
    loaded = common.load()
    async with opened(loaded) as session:
        states = await session.world.gates()
    known = {state.gate.limit for state in states}
    # Those that no process has told the world of yet: nobody has ever used them.
    unused = [limit for limit in named_limits(loaded.settings) if limit.name not in known]
    states += [GateState(gate=Gate(limit.name), limit=limit, held=0, waiting=0) for limit in unused]
    states.sort(key=lambda state: (not is_queue(state.gate.limit), state.gate))
    data = [_data(state) for state in states if state.waiting or not waiting]
    rows = [{name: one[name] for name in _SHOWN} for one in data]
    output.result(common, "queues", data, rows=rows)
    if not data and output.is_terminal(sys.stdout):
        none = "nobody waits" if waiting else "there are none; [tool.wfc.queues.NAME] makes one"
        output.note(common, none)


def _data(state: GateState) -> dict[str, Any]:
    limit = state.limit
    rate = limit.rate
    return {
        "name": plain_name(limit.name),
        "kind": "queue" if is_queue(limit.name) else "policy",
        "key": state.gate.key or None,
        "running": state.held,
        "waiting": state.waiting,
        "concurrency": limit.concurrency,
        "rate": None if rate is None else rate.text,
        "slots": "active" if limit.active else "open",
        "oldest": output.rfc3339(state.oldest),
        "opens_at": output.rfc3339(state.opens_at),
    }
