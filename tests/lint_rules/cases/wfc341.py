"""Types of which no log can hold a value."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import IO, Optional

import pandas as pd
from wfc import Writable


async def notify(order_id: str, done: Callable[[str], None]) -> None:  # WFC341: 39, "collections.abc.Callable"
    "use step"
    done(order_id)


async def export(rows: list[dict[str, str]], file: "IO[str]") -> None:  # WFC341: 52, "typing.IO"
    "use step"
    file.write(str(rows))


def load(connection: Optional[sqlite3.Connection], day: str) -> Iterator[str]:  # WFC341: 31, "sqlite3.Connection"  # WFC341: 65, "collections.abc.Iterator"
    "use step"
    return iter([day])


async def totals(day: str) -> pd.DataFrame:  # WFC341: 31, "pandas.DataFrame"
    "use step"
    return pd.DataFrame()


async def checkout(locks: dict[str, threading.Lock]) -> None:  # WFC341: 37, "threading.Lock"
    "use workflow"


Handle = threading.Thread


async def guarded(handle: Handle) -> None:  # WFC341: 27, "threading.Thread" probably
    "use step"


async def good_models(orders: list[str], notify: bool = False) -> dict[str, int]:
    "use workflow"
    return {order: 1 for order in orders}


async def good_stream(text: str, log: Writable[str]) -> None:
    "use step"
    await log.write(text)


async def good_either(source: str | IO[str]) -> int:
    "use step"
    return len(str(source))


def good_helper(done: Callable[[], None], rows: AsyncIterator[str]) -> Callable[[], None]:
    return done
