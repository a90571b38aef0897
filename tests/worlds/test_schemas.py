"""The numbers of migrations: each once and in order, and the last one is the schema's."""

from __future__ import annotations

from wfc.worlds import postgres_connect, sqlite_connect


def test_the_schema_of_sqlite_is_its_last_migration() -> None:
    """Otherwise every process that opens a file would run the last one again."""
    numbers = [number for number, _ in sqlite_connect._migrations()]
    assert numbers == list(range(1, sqlite_connect.SCHEMA + 1))
    assert sqlite_connect.MIN_READER <= sqlite_connect.SCHEMA


def test_the_schema_of_postgresql_is_its_last_migration() -> None:
    numbers = [number for number, _ in postgres_connect.migrations()]
    assert numbers == list(range(1, postgres_connect.SCHEMA + 1))
    assert postgres_connect.MIN_READER <= postgres_connect.SCHEMA
