"""`wfc start WORKFLOW ARG...`: a run exists, on disk, before this returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import typer

from wfc.api import Run
from wfc.api import start as start_run
from wfc.cli import output, workflows
from wfc.cli.arguments import bind
from wfc.cli.common import Common, command_app
from wfc.cli.filters import attributes, duration
from wfc.cli.result import outcome_of, print_value
from wfc.cli.session import hint_if_nobody_works, opened
from wfc.errors import InputInvalid, LimitExceeded

app = command_app()


@app.command()
def start(
    context: typer.Context,
    workflow: Annotated[str, typer.Argument(help="module:qualname, or a name that is unique.")],
    arguments: Annotated[
        list[str], typer.Argument(metavar="ARG|NAME=ARG", help="Arguments, in order or by name.")
    ] = [],  # noqa: B006 - typer copies it
    *,
    given: Annotated[
        str, typer.Option("--input", metavar="JSON", help="Arguments as JSON, @file, or - (stdin).")
    ] = "",
    run_id: Annotated[str, typer.Option("--id", metavar="I", help="The run's id.")] = "",
    delay: Annotated[str, typer.Option(metavar="D", help="Begin after this long.")] = "",
    attribute: Annotated[
        list[str], typer.Option(metavar="K=V", help="Attribute of the run; repeat.")
    ] = [],  # noqa: B006 - likewise
    queue: Annotated[str, typer.Option(metavar="Q", help="Wait in this queue.")] = "",
    priority: Annotated[
        int, typer.Option(min=-100, max=100, metavar="N", help="Higher ones go first.")
    ] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait and print the result.")] = False,
    timeout: Annotated[
        str, typer.Option(metavar="D", help="With --wait: how long to wait at most.")
    ] = "",
) -> None:
    """Start a run of a workflow."""
    options: dict[str, Any] = {
        "id": run_id or None,
        "delay": duration("--delay", delay),
        "attributes": attributes(attribute),
        "queue": queue or None,
        "priority": priority,
    }
    call = (workflow, arguments, given or None)
    patience = duration("--timeout", timeout)
    begin = _with_options(options)
    asyncio.run(_start(Common.of(context), call, begin, wait=wait, timeout=patience))


def _with_options(options: Mapping[str, Any]) -> Callable[..., Awaitable[Run[Any]]]:
    """Check what was typed before anything is opened. Raises `InputInvalid`."""
    try:
        return start_run.options(**options)
    except (ValueError, LimitExceeded) as problem:
        raise InputInvalid(str(problem)) from None


async def _start(
    common: Common,
    call: tuple[str, list[str], str | None],
    begin: Callable[..., Awaitable[Run[Any]]],
    *,
    wait: bool,
    timeout: str | None,  # noqa: ASYNC109 - passed on
) -> None:
    name, words, given = call
    async with opened(common.load(), with_code=True) as session:
        workflow, function = workflows.find(session, name)
        args, kwargs = bind(function, words, given)
        run = await begin(function, *args, **kwargs)
        if not run.created:
            output.note(common, f"run {run.id} exists already, with the same arguments")
        ended = not run.created and (await run.status()).ended
        if not ended and wait:
            output.note(common, f"run {run.id} {'started' if run.created else 'is waited for'}")
            await hint_if_nobody_works(common, session)
        if wait:
            print_value(common, run.id, await outcome_of(session, run, timeout))
            return
        data = {"id": run.id, "workflow": workflow, "created": run.created}
        output.result(common, "started", data, text=run.id)
        if not ended:
            await hint_if_nobody_works(common, session)
