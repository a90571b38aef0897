"""How the parts of a world with tables reach its database: the clock, the keys, the two doors."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from wfc.clock import Clock
from wfc.worlds.feed import Feed
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.vault import Vault

T = TypeVar("T")


class SqlAccess(abc.ABC):
    """What a world with tables says of its connections."""

    url: str

    def __init__(self, clock: Clock, vault: Vault | None) -> None:
        """Take time from `clock`; seal payloads if there is a `vault`."""
        self._clock = clock
        self._vault = vault
        self._feed = Feed()

    @abc.abstractmethod
    async def _write(self, work: Callable[[Transaction], T], size: int = 0) -> T:
        """Run `work` in a transaction and give its answer once that is on disk."""

    @abc.abstractmethod
    def _write_blocking(self, work: Callable[[Transaction], T]) -> T:
        """Do the same for a thread that waits, whatever the event loop does."""

    @abc.abstractmethod
    async def _read(
        self, statement: str, values: Iterable[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """Run a query on what is committed."""

    def now_us(self) -> int:
        """Give the world's clock."""
        return self._clock.now_us()
