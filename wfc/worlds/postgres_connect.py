"""A durable connection to PostgreSQL, and its tables brought up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final, TypeAlias

import asyncpg

from wfc import fault
from wfc.errors import WorldReadOnly, WorldTooNew, WorldUnreachable
from wfc.worlds.postgres_errors import LOCK_TIMEOUT_MS, shown

SCHEMA: Final = 6
"""The number of the last migration this code knows."""
MIN_READER: Final = 4
"""Older code knows nothing of gates and would let everybody pass."""
OLDEST_SERVER: Final = 14
CONNECT_S: Final = 10.0
NAME: Final = "wfc"
"""The schema where all tables are."""
_STATEMENTS: Final = 200
Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_SETTINGS: Final = {
    "application_name": "wfc",
    "search_path": NAME,
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    # A process that was stopped in mid-transaction must not hold its locks for ever.
    "idle_in_transaction_session_timeout": "60000",
    "default_transaction_isolation": "read committed",
    "jit": "off",
}
_LOOK: Final = """
SELECT current_setting('server_version_num')::int / 10000 AS version,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('fsync') AS fsync
"""


async def connect(url: str, *, prepares: bool = False, look: bool = False) -> Raw:
    """Connect and see that what is committed will stay. `prepares`: it keeps its statements;
    `look`: its transactions may only read.

    Raises `asyncpg.PostgresError`, `OSError`, `TimeoutError`, `WorldUnreachable`.
    """
    try:
        connection: Raw = await asyncpg.connect(
            url,
            timeout=CONNECT_S,
            server_settings=_SETTINGS | ({"default_transaction_read_only": "on"} if look else {}),
            statement_cache_size=_STATEMENTS if prepares else 0,
        )
    except (ValueError, asyncpg.ClientConfigurationError) as error:
        raise WorldUnreachable(f"{shown(url)} is no address of PostgreSQL: {error}") from error
    try:
        await verify(connection, url)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def verify(connection: Raw, url: str) -> None:
    """Refuse a server that is too old or forgets commits. Raises `WorldUnreachable`."""
    found = await connection.fetchrow(_LOOK)
    assert found is not None
    if found["version"] < OLDEST_SERVER:
        raise WorldUnreachable(
            f"{shown(url)} is PostgreSQL {found['version']}; wfc needs {OLDEST_SERVER} or newer"
        )
    if found["synchronous_commit"] == "off":
        raise WorldUnreachable(
            f"{shown(url)} has synchronous_commit=off, so acknowledged events could be lost. Set "
            "it to on, for the server or for this user: ALTER ROLE name SET synchronous_commit = on"
        )


async def refuse_pooler(one: Raw, other: Raw, url: str) -> None:
    """Refuse a pooler that changes the server's process between two transactions.

    Behind one no NOTIFY arrives and no session keeps its settings. While `other` is busy with the
    process that served `one` last, `one` gets another, and has lost what it set. Raises
    `WorldUnreachable`.
    """
    await one.execute("SELECT set_config('wfc.session', 'mine', false)")
    async with other.transaction():
        await other.execute("SELECT 1")
        kept = await one.fetchval("SELECT current_setting('wfc.session', true)")
    if kept != "mine":
        raise WorldUnreachable(
            f"{shown(url)} is a pooler in transaction mode: LISTEN and the settings of a session "
            "do not work behind it. Name the server itself, or a pooler in session mode."
        )


async def migrate(connection: Raw, url: str, now_us: int) -> int:
    """Bring the tables up to date in one transaction, and give the schema that was found.

    A database that is up to date is only read. Raises `WorldTooNew`, `WorldReadOnly`,
    `asyncpg.PostgresError`.
    """
    found = await schema_of(connection, url)
    if found >= SCHEMA:
        return found
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        raise WorldReadOnly(
            f"{shown(url)} only follows another server, and its tables are of an older wfc. Open "
            "the other one first."
        )
    async with connection.transaction():
        # One at a time: who waited here finds the work done.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('wfc migrate', 0))")
        found = await schema_of(connection, url)
        if found < SCHEMA:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {NAME}")
            for number, statements in migrations():
                if number > found:
                    await connection.execute(statements)
            await connection.executemany(
                "INSERT INTO meta (key, value) VALUES ($1, $2)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [
                    ("schema", str(SCHEMA)),
                    ("min_reader", str(MIN_READER)),
                    ("migrated_at", str(now_us)),
                ],
            )
        fault.point("tables.migrating")
    fault.point("tables.migrated")
    return found


async def must_be_current(connection: Raw, url: str) -> None:
    """See that the tables need not be brought up to date. Raises `WorldTooNew`, `WorldUnreachable`,
    `asyncpg.PostgresError`.
    """
    if await schema_of(connection, url) < SCHEMA:
        raise WorldUnreachable(
            f"{shown(url)} has no tables of wfc or those of an older one, and who can only read it "
            "does not bring them up to date. `wfc db migrate` does, or a worker of this wfc."
        )


async def schema_of(connection: Raw, url: str) -> int:
    """Give the number of the last migration that ran here, 0 for none. Raises `WorldTooNew`."""
    # By a query: `to_regclass` may answer from what was so before a lock was waited for.
    known = await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'meta')", NAME
    )
    if not known:
        return 0
    meta = {row["key"]: row["value"] for row in await connection.fetch("SELECT * FROM meta")}
    oldest = int(meta.get("min_reader", "0"))
    if oldest > SCHEMA:
        raise WorldTooNew(
            f"{shown(url)} has schema {meta.get('schema')} and asks for code that knows schema "
            f"{oldest}; this wfc knows {SCHEMA}. Nothing was changed. Install a newer wfc."
        )
    return int(meta.get("schema", "0"))


@cache
def _text() -> str:
    return resources.files("wfc.worlds").joinpath("postgres.sql").read_text(encoding="utf-8")


def migrations() -> Iterator[tuple[int, str]]:
    """Give the numbered parts of `postgres.sql`."""
    parts = re.split(r"^-- migration (\d+)$", _text(), flags=re.MULTILINE)[1:]
    for number, body in zip(parts[::2], parts[1::2], strict=True):
        yield int(number), body
