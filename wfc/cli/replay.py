"""`wfc replay RUN|FILE`: run a history through its code; nothing is written, no step runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from wfc.cli import output
from wfc.cli.against import HERE
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.session import opened, opened_on
from wfc.config import Session, build_version
from wfc.errors import VersionUnknown
from wfc.eventlog.event import Recorded
from wfc.ids import RunId, VersionId
from wfc.runtime.logs import chapters_of, read_log, version_in_force
from wfc.runtime.replaying import Replay, replay_all
from wfc.runtime.version_names import version_named

app = command_app()


@app.command()
def replay(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN|FILE", help="Its id, or an exported file.")],
    *,
    version: Annotated[
        str,
        typer.Option(
            metavar="V", help="On this version: id, its beginning, label, or . for the sources."
        ),
    ] = "",
) -> None:
    """Deliver the history of a run to its code; exit 1 if they contradict each other."""
    asyncio.run(_replay(Common.of(context), run, version or None))


async def _replay(common: Common, named: str, wanted: str | None) -> None:
    loaded = common.load()
    async with opened_on(loaded, named) as (session, run_id):
        log = await read_log(session.world, RunId(run_id))
        version = None if wanted is None else await _version(session, common, wanted)
        replays = await replay_all(session, RunId(run_id), log, version)
    _tell(common, run_id, log, replays, version)


async def _version(session: Session, common: Common, wanted: str) -> VersionId:
    """Find a version where the run is, or else, if that is a file, in the world; HERE is built."""
    if wanted == HERE:
        made = await asyncio.to_thread(build_version, common.load())
        session.upgrader.code.add(made)
        return made.id
    try:
        return await version_named(session.world, wanted)
    except VersionUnknown:
        async with opened(common.load()) as other:
            found = await version_named(other.world, wanted)
            session.upgrader.code.add(await other.upgrader.code.version(found))
            return found


def _tell(
    common: Common,
    run_id: str,
    log: Sequence[Recorded],
    replays: Sequence[Replay],
    version: VersionId | None,
) -> None:
    problem = next((each.problem for each in replays if each.problem is not None), None)
    code = version_in_force(chapters_of(log)[-1]) if version is None else version
    data = {
        "id": run_id,
        "version": code,
        "events": len(log),
        "agrees": problem is None,
        "divergence": problem,
        "outcome": type(replays[-1].outcome).__name__.lower(),
    }
    counted = output.counted(len(log), "event")
    text = problem or f"replayed {counted} of {run_id} on version {code}: {data['outcome']}"
    output.result(common, "replay", data, text=text)
    if problem is not None:
        raise typer.Exit(Exit.NEGATIVE)
