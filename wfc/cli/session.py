"""The one way by which commands reach a world."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wfc.cli import output
from wfc.cli.common import Common
from wfc.config import LookingSession, Session, open_session, use_session
from wfc.errors import RunNotFound
from wfc.eventlog.event import Channel
from wfc.ids import RunId, is_run_id

if TYPE_CHECKING:
    from wfc.eventlog.entity import Run
    from wfc.settings import Loaded

_REACTION_S: Final = 2.0


@asynccontextmanager
async def opened(loaded: Loaded, *, with_code: bool = False) -> AsyncIterator[Session]:
    """Open the world of these settings; `with_code` builds the project and imports its steps."""
    actor = _user()
    session = await open_session(loaded, with_code=with_code, actor=actor, channel=Channel.CLI)
    if not with_code:
        session = LookingSession(
            session.world,
            actor=actor,
            channel=Channel.CLI,
            loaded=loaded,
        )
    try:
        async with use_session(session):
            yield session
    finally:
        await session.close()


@asynccontextmanager
async def opened_on(loaded: Loaded, run: str) -> AsyncIterator[tuple[Session, str]]:
    """Open the world of a run for looking, and give the run's id; `run` may name an exported file.

    Such a file is looked at in a world of its own, in memory, where time stands still.
    """
    if not _is_file(run):
        async with opened(loaded) as session:
            yield session, run
        return
    from wfc.clock import VirtualClock, to_datetime  # noqa: PLC0415 - only for files
    from wfc.runtime import exported  # noqa: PLC0415 - likewise
    from wfc.worlds.open import open_world  # noqa: PLC0415 - likewise

    found = exported.read(Path(run))
    world = open_world("memory:", VirtualClock(to_datetime(found.log[0].recorded_at)))
    await world.open()
    await exported.load(found, world)
    session = LookingSession(world, channel=Channel.CLI, loaded=loaded)
    try:
        async with use_session(session):
            yield session, found.run_id
    finally:
        await session.close()


def _is_file(run: str) -> bool:
    """Tell a file from an id, which holds no slash."""
    return "/" in run or (run.endswith(".jsonl") and Path(run).is_file())


def _user() -> str | None:
    """Give the name that stands in the log for who did it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None  # a container may have no user of this number


async def row_of(session: Session, run_id: str) -> Run:
    """Read the row of a run. Raises `RunNotFound`."""
    # What is no id may be no text either, which a database refuses in words of its own.
    row = await session.world.run(RunId(run_id)) if is_run_id(run_id) else None
    if row is None:
        message = f"no run has the id {run_id!r}. `wfc runs` lists those that exist."
        raise RunNotFound(message)
    return row


def readable(value: Any) -> Any:
    """Make a user's value printable as JSON; what has no JSON form is described."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - not for every command

    return to_jsonable_python(
        _without_handles(value), fallback=repr, bytes_mode="base64", inf_nan_mode="strings"
    )


def _without_handles(value: Any) -> Any:
    """Write runs as their names: pydantic would tell of the client that a handle holds."""
    from wfc.runtime.run import Run as Handle  # noqa: PLC0415 - not for every command

    if isinstance(value, Handle):
        return repr(value)
    if type(value) is dict:
        return {key: _without_handles(item) for key, item in value.items()}
    if type(value) in {list, tuple}:
        return [_without_handles(item) for item in value]
    return value


async def hint_if_nobody_works(common: Common, session: Session) -> bool:
    """Say that nothing will happen until a worker comes, if so."""
    if await session.world.workers():
        return False
    output.note(common, "recorded; no worker is awake: start one by `python -m wfc worker`")
    return True


async def wait_for_reaction(common: Common, session: Session, run_ids: Sequence[str]) -> None:
    """Give a worker two seconds to react to what was just recorded, or say that nobody does."""
    if await hint_if_nobody_works(common, session):
        return
    watch = session.world.watch(*(f"run:{run_id}" for run_id in run_ids))
    try:
        await watch.changed(_REACTION_S)
    finally:
        watch.close()
