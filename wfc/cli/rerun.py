"""`wfc rerun RUN...|FILTER`: begin runs again, on today's code or on a version that is named."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from wfc.api import get_run
from wfc.cli import filters, output
from wfc.cli.arguments import read_json_text
from wfc.cli.chosen import Troubles, may, runs_of
from wfc.cli.common import Common, command_app
from wfc.cli.filters import Filter
from wfc.cli.session import hint_if_nobody_works, opened
from wfc.errors import InputInvalid

app = command_app()


@app.command()
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
    status: filters.Status = "",
    workflow: filters.Workflow = "",
    queue: filters.Queue = "",
    attribute: filters.Attribute = [],  # noqa: B006 - likewise
    since: filters.Since = "",
    until: filters.Until = "",
    search: filters.Search = "",
) -> None:
    """Begin runs again with the same arguments and attributes, on the active version."""
    chosen = Filter(
        status=status,
        workflow=workflow,
        queue=queue,
        attribute=attribute,
        since=since,
        until=until,
        search=search,
    )
    options = {"version": version or None, "arguments": _arguments(given)}
    asyncio.run(_rerun(Common.of(context), runs, chosen, options, dry_run=dry_run))


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


async def _rerun(
    common: Common, named: list[str], chosen: Filter, options: dict[str, Any], *, dry_run: bool
) -> None:
    loaded = common.load()
    async with opened(loaded) as session:
        troubles = Troubles()
        run_ids = await runs_of(session, loaded, named, chosen, troubles, ended=True)
        much = len(run_ids) > 1
        if not may(common, "rerun", run_ids, destructive=much, dry_run=dry_run):
            troubles.tell(common)
            return
        if len(run_ids) == 1 and not troubles.by_run:
            made = {run_ids[0]: await get_run(run_ids[0]).rerun(**options)}
        else:
            made = await troubles.each(run_ids, lambda run_id: get_run(run_id).rerun(**options))
        data = [{"id": run.id, "of": run_id} for run_id, run in made.items()]
        output.result(common, "rerun", [*data, *troubles.rows()], rows=data)
        troubles.tell(common)
        await hint_if_nobody_works(common, session)
