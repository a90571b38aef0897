"""`wfc fork RUN --at EVENT|STEP`: a new run that shares the beginning of another."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from wfc.api import get_run
from wfc.cli import output
from wfc.cli.arguments import read_json_text
from wfc.cli.common import Common, command_app
from wfc.cli.session import hint_if_nobody_works, opened
from wfc.errors import InputInvalid

app = command_app()


@app.command()
def fork(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id.")],
    *,
    at: Annotated[
        str,
        typer.Option(
            metavar="EVENT|STEP",
            help="What is left out first: an event's position; a step's name, or its id.",
        ),
    ],
    version: Annotated[
        str, typer.Option(metavar="V", help="On this version: id, its beginning, or label.")
    ] = "",
    given: Annotated[
        str, typer.Option("--output", metavar="JSON", help="What the step gave: JSON, @file, or -.")
    ] = "",
    new_id: Annotated[str, typer.Option("--id", metavar="I", help="The fork's id.")] = "",
) -> None:
    """Begin a run that shares what another recorded before a step or an event."""
    options: dict[str, Any] = {"version": version or None, "id": new_id or None}
    if given:
        options["output"] = _value(given)
    asyncio.run(_fork(Common.of(context), run, int(at) if at.isdecimal() else at, options))


def _value(given: str) -> Any:
    """Read the output. Raises `InputInvalid`."""
    try:
        return json.loads(read_json_text(given))
    except ValueError as problem:
        message = f"--output is no JSON: {problem}. A text needs its quotes: --output '\"ok\"'"
        raise InputInvalid(message) from None


async def _fork(common: Common, run_id: str, at: int | str, options: dict[str, Any]) -> None:
    async with opened(common.load()) as session:
        made = await get_run(run_id).fork(at, **options)
        if not made.created:
            output.note(common, f"run {made.id} exists already, and is the same fork")
        data = {"id": made.id, "of": run_id, "created": made.created}
        output.result(common, "fork", data, text=made.id)
        if made.created:
            await hint_if_nobody_works(common, session)
