"""`wfc result RUN`: wait for a run and print what its workflow returned."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import typer

from wfc.api import Run, get_run
from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.filters import duration
from wfc.cli.session import hint_if_nobody_works, opened_on, readable, row_of
from wfc.config import Session
from wfc.errors import RunBlocked
from wfc.ids import RunId

_LOOK_AGAIN_S: Final = 1.0
app = command_app()


@app.command()
def result(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, or an exported file.")],
    timeout: Annotated[
        str, typer.Option(metavar="D", help="How long to wait, as 30s; 0 asks once.")
    ] = "",
) -> None:
    """Wait for a run and print its result; exit 1 if it failed, 6 if it has not ended in time."""
    asyncio.run(_result(Common.of(context), run, duration("--timeout", timeout)))


async def _result(common: Common, named: str, timeout: str | None) -> None:  # noqa: ASYNC109 - passed on
    async with opened_on(common.load(), named) as (session, run_id):
        row = await row_of(session, run_id)
        if not row.status.ended and run_id != named:
            timeout = "0"  # nothing more will happen in a file
        elif not row.status.ended:
            await hint_if_nobody_works(common, session)
        print_value(common, run_id, await outcome_of(session, get_run(run_id), timeout))


async def outcome_of(session: Session, run: Run[Any], timeout: str | None) -> Any:  # noqa: ASYNC109 - passed on
    """Wait for what a run comes to. Raises as `run.result` does, and `RunBlocked` rather than wait
    for ever.
    """
    if timeout is not None:
        return await run.result(timeout=timeout)
    waits = [asyncio.ensure_future(each) for each in (run.result(), _blocked(session, run.id))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return next(each for each in waits if each.done()).result()
    finally:
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _blocked(session: Session, run_id: RunId) -> None:
    """Wait until the run is blocked. Raises `RunBlocked` then."""
    watch = session.world.watch(f"run:{run_id}")
    try:
        while True:
            row = await session.world.run(run_id)
            if row is not None and row.blocked is not None and not row.status.ended:
                raise RunBlocked(run_id, row.blocked)
            await watch.changed(_LOOK_AGAIN_S)
    finally:
        watch.close()


def print_value(common: Common, run_id: str, value: Any) -> None:
    """Print a result: text as it is, anything else as JSON."""
    data = readable(value)
    text = data if isinstance(data, str) else output.as_json(data)
    output.result(common, "result", {"id": run_id, "result": data}, text=text)
