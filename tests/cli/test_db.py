"""`wfc db`: tables brought up to date, looked over, and copied."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.postgres_server import Database, programs

from .conftest import Said, completed

Wfc = Callable[..., Said]
Put = Callable[..., None]


def test_a_world_is_made_and_up_to_date(wfc: Wfc, project: Path) -> None:
    """A second time changes nothing."""
    for _ in range(2):
        said = wfc("db", "migrate")
        assert said.code == 0
        assert "is up to date (schema " in said.out
    assert (project / "runs.db").exists()
    assert "has no tables" in wfc("db", "migrate", "--world", "memory:").out


def test_a_sound_world_is_said_to_be_so(wfc: Wfc, put: Put) -> None:
    """And a damaged one is not."""
    put("paid", completed(1))
    assert wfc("db", "check").out.endswith("is sound\n")


def test_a_damaged_file_is_told(wfc: Wfc, project: Path, put: Put) -> None:
    """With what to do."""
    put("paid", completed(1))
    with closing(sqlite3.connect(project / "runs.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (project / "runs.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    said = wfc("db", "check")
    assert said.code != 0
    assert "restore a backup" in said.err


def test_a_copy_can_be_put_in_the_place_of_the_world(wfc: Wfc, project: Path, put: Put) -> None:
    """It has all runs, and replaces no file."""
    put("paid", completed(1))
    said = wfc("db", "backup", "copy.db", "--json")
    assert said.code == 0
    assert said.json["data"]["size"] == (project / "copy.db").stat().st_size
    put("later")
    listed = wfc("runs", "--world", f"sqlite:///{project}/copy.db", "--json").json["data"]
    assert [run["id"] for run in listed] == ["paid"]
    again = wfc("db", "backup", "copy.db")
    assert again.code != 0
    assert "replaces nothing" in again.err
    assert not (project / "copy.db.part").exists()


def test_a_copy_needs_a_folder(wfc: Wfc, project: Path, put: Put) -> None:
    """Which is not made by the way."""
    put("paid", completed(1))
    said = wfc("db", "backup", "nowhere/copy.db")
    assert said.code != 0
    assert "nowhere" in said.err
    assert not (project / "nowhere").exists()


def test_memory_has_nothing_to_copy(wfc: Wfc) -> None:
    """It ends with the command."""
    said = wfc("db", "backup", "copy.db", "--world", "memory:")
    assert said.code != 0
    assert "cannot be backed up" in said.err


@pytest.fixture
def url(postgres_database: Database) -> str:
    return postgres_database.clean()


def test_postgres_is_migrated_checked_and_dumped(
    wfc: Wfc, project: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own program."""
    monkeypatch.setenv("PATH", str(programs()), prepend=":")
    for command in ("migrate", "check"):
        assert wfc("db", command, "--world", url).code == 0
    said = wfc("db", "backup", "copy.dump", "--world", url)
    assert said.code == 0, said.err
    assert (project / "copy.dump").read_bytes().startswith(b"PGDMP")


def test_without_pg_dump_it_is_said_what_to_install(
    wfc: Wfc, project: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no file is left."""
    monkeypatch.setenv("PATH", str(project))
    said = wfc("db", "backup", "copy.dump", "--world", url)
    assert said.code != 0
    assert "postgresql-client" in said.err
    assert not (project / "copy.dump").exists()


def test_what_pg_dump_says_is_told(
    wfc: Wfc, project: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be older than the server."""
    fake = project / "pg_dump"
    fake.write_text("#!/bin/sh\necho server version mismatch >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(project), prepend=":")
    said = wfc("db", "backup", "copy.dump", "--world", url)
    assert said.code != 0
    assert "server version mismatch" in said.err
