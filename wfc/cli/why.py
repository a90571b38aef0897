"""`wfc why RUN`: in a sentence, why a run is where it is, and what would move it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from wfc.api import get_run
from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.session import opened_on
from wfc.runtime.run import Run
from wfc.runtime.why import Why

app = command_app()


@app.command()
def why(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, or an exported file.")],
) -> None:
    """Say in a sentence why a run is where it is, and what would move it."""
    asyncio.run(_why(Common.of(context), run))


async def _why(common: Common, named: str) -> None:
    async with opened_on(common.load(), named) as (_, run_id):
        run: Run[Any] = get_run(run_id)
        found = await run.why()
    output.result(common, "why", {"id": run_id, **to_plain(found)}, text=found.sentence)
    if found.next_action is not None and not (common.json or common.jsonl):
        output.note(common, f"to go: {found.next_action}")


def to_plain(why: Why) -> dict[str, Any]:
    """Give it for programs."""
    return {
        "kind": why.kind.value,
        "sentence": why.sentence,
        "since": output.rfc3339(why.since),
        "until": output.rfc3339(why.until),
        "operation_id": why.span,
        "next_action": why.next_action,
    }
