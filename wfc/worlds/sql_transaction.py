"""What a write sees of its database, whichever it is.

The statements of `sql_*.py` are written once, in what SQLite and PostgreSQL have in common. Where
they differ, the statement stays that of SQLite and says by a comment what PostgreSQL needs more:
``/*pg FOR UPDATE */`` is a comment to the one and a clause to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from wfc.worlds.vault import Vault


class Rows(Protocol):
    """What a statement has found or written."""

    @property
    def rowcount(self) -> int:
        """Give how many rows were written."""
        ...

    def fetchone(self) -> Any:
        """Give the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Give all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Give the rows one by one."""
        ...


class Connection(Protocol):
    """A connection inside a transaction."""

    def execute(self, statement: str, values: Any = ..., /) -> Rows:
        """Run a statement with values for its ``?``, or a mapping for its ``:names``."""
        ...

    def executemany(self, statement: str, values: Iterable[Any], /) -> object:
        """Run a statement once for each of `values`."""
        ...


class Transaction(Protocol):
    """The connection inside a transaction, the time, the keys, and whom to tell after."""

    @property
    def connection(self) -> Connection:
        """Where statements run."""
        ...

    @property
    def now_us(self) -> int:
        """Give the instant of this transaction by the world's clock."""
        ...

    @property
    def vault(self) -> Vault | None:
        """Give the keys under which payloads are sealed."""
        ...

    @property
    def news(self) -> set[str]:
        """Collect the topics of which there is news once this is committed."""
        ...

    def execute(self, statement: str, values: Any = ..., /) -> Rows:
        """Run a statement with values for its ``?``, or a mapping for its ``:names``."""
        ...

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Keep a named lock until the transaction ends, alone or with others who share it.

        A world with one writer at a time has nothing to do here.
        """
        ...
