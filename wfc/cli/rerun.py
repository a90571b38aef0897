"""`wfc rerun RUN...|FILTER`: begin runs again, on today's code or on a version that is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Annotated, Any

import typer

from wfc.api import Run, get_run
from wfc.cli.acting import Act, act_on
from wfc.cli.arguments import read_json_text
from wfc.cli.chosen import Troubles
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter, filtered_by
from wfc.cli.session import hint_if_nobody_works
from wfc.config import Session
from wfc.errors import InputInvalid

app = command_app()


@app.command()
@filtered_by("status", "workflow", "queue", "attribute", "since", "until", "search")
def rerun(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")] = [],  # noqa: B006 - typer copies it
    *,
    version: Annotated[
        str, typer.Option(metavar="V", help="On this version: id, its beginning, or label.")
    ] = "",
    given: Annotated[
        str,
        typer.Option("--input", metavar="JSON", help="Other arguments: JSON, @file, or - (stdin)."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
    chosen: Filter,
) -> None:
    """Begin runs again with the same arguments and attributes, on the active version."""
    arguments = _arguments(given)

    async def do(_session: Session, run_ids: list[str], troubles: Troubles) -> dict[str, Run[Any]]:
        def begin(run_id: str) -> Awaitable[Run[Any]]:
            return get_run(run_id).rerun(version=version or None, arguments=arguments)

        if len(run_ids) == 1 and not troubles.by_run:
            return {run_ids[0]: await begin(run_ids[0])}  # what goes wrong is all that is told
        return await troubles.each(run_ids, begin)

    act = Act(
        verb="rerun",
        kind="rerun",
        do=do,
        row=lambda run_id, run: {"id": run.id, "of": run_id},
        ended=True,
        afterwards=lambda common, session, _: hint_if_nobody_works(common, session),
    )
    asyncio.run(act_on(Common.of(context), runs, chosen, act, dry_run=dry_run))


def _arguments(given: str) -> dict[str, Any] | None:
    """Read the arguments. Raises `InputInvalid`."""
    if not given:
        return None
    try:
        value = json.loads(read_json_text(given))
    except ValueError as problem:
        message = f"--input is no JSON: {problem}"
        raise InputInvalid(message) from None
    if not isinstance(value, dict):
        message = f"--input is {value!r}, and an object is wanted: arguments by name"
        raise InputInvalid(message)
    return value
