"""All that a world holds at one instant, read by whoever judges a crash; and its queue, emptied."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from wfc.clock import SystemClock
from wfc.eventlog.event import Recorded
from wfc.ids import RunId, WorkerId
from wfc.worlds.chunks import ChunkPage
from wfc.worlds.open import open_world
from wfc.worlds.postgres import PostgresWorld
from wfc.worlds.protocol import DeliveryRow, RunFilter, ScheduleRow, World
from wfc.worlds.vault import vault_of

Rows = list[tuple[Any, ...]]
REST: Final = ("messages", "attempts", "slots")
"""Tables that hold nothing when all runs have ended: who waits, and for what."""


@dataclass(frozen=True, slots=True)
class Look:
    """The logs of runs, their streams, and what stands beside them."""

    logs: dict[RunId, list[Recorded]]
    streams: dict[tuple[RunId, str], ChunkPage]
    deliveries: list[DeliveryRow]
    schedules: list[ScheduleRow]
    workers: list[WorkerId]


@asynccontextmanager
async def opened(url: str, keys: str = "") -> AsyncIterator[World]:
    """Open a world whose keys are not those of this process."""
    world: World
    if url.startswith("sqlite:"):
        world = open_world(url, SystemClock(), keys=keys)
    else:
        world = PostgresWorld(url, clock=SystemClock(), vault=vault_of(keys))
    await world.open()
    try:
        yield world
    finally:
        await world.close()


async def look(url: str, keys: str = "") -> Look:
    """Read all that the world at `url` holds of runs."""
    async with opened(url, keys) as world:
        return await look_at(world)


async def look_at(world: World) -> Look:
    """Read all that an open world holds of runs; `wfc.logs` is what `test_crash_logs` is about."""
    runs = [row.run_id for row in (await world.list_runs(RunFilter(), limit=200)).runs]
    logs = {run_id: await world.history(run_id) for run_id in runs}
    streams = {
        (run_id, stream.namespace): await world.read_chunks(run_id, stream.namespace)
        for run_id in runs
        for stream in await world.streams(run_id)
        if stream.namespace != "wfc.logs"
    }
    return Look(
        logs=logs,
        streams=streams,
        deliveries=await world.deliveries(),
        schedules=await world.schedules(),
        workers=[row.worker_id for row in await world.workers()],
    )


async def rows(url: str, statement: str) -> Rows:
    """Run a statement by hand, behind the back of wfc: tables have the same names everywhere."""
    if not url.startswith("sqlite:"):
        return await _rows_of_postgres(url, statement)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30.0)) as connection:
        found = connection.execute(statement).fetchall()
        connection.commit()
    return found


async def _rows_of_postgres(url: str, statement: str) -> Rows:
    connection = await asyncpg.connect(url, server_settings={"search_path": "wfc"})
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def left(url: str, tables: Sequence[str] = REST) -> dict[str, Rows]:
    """Read what is in tables, and leave out those in which nothing is."""
    found = {table: await rows(url, f"SELECT * FROM {table}") for table in tables}  # noqa: S608
    return {table: content for table, content in found.items() if content}


async def lose_messages(url: str) -> None:
    """Lose all that is queued: the sweeper has to make it anew from the logs."""
    await rows(url, "DELETE FROM messages")
