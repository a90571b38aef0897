"""From the URL of a world to the world."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from wfc.clock import Clock, SystemClock
from wfc.errors import ConfigError, MissingExtra
from wfc.worlds.protocol import World
from wfc.worlds.vault import VARIABLE, vault_of

GROUP: Final = "wfc.worlds"
"""Entry points of this group, named like a URL scheme, are callables ``(url, clock) -> World``."""
_FORMS: Final = (
    "sqlite:///path/to/file.db, sqlite:////absolute/path.db, postgresql://user@host/database or "
    "memory:"
)


def open_world(
    url: str, clock: Clock | None = None, *, keys: str | None = None, look: bool = False
) -> World:
    """Make the world of `url`, still to be opened. Raises `ConfigError`, `MissingExtra`.

    A world on a disk encrypts payloads by `keys`: those of `WFC_ENCRYPTION_KEYS` unless said. One
    that is opened to `look` refuses to write, brings no tables up to date and makes no file. A
    foreign world is told nothing of that.
    """
    scheme, colon, rest = url.partition(":")
    chosen = clock or SystemClock()
    if scheme == "sqlite" and colon:
        known = os.environ.get(VARIABLE, "") if keys is None else keys
        return _sqlite(url, rest, chosen, known, look=look)
    if url == "memory:":
        from wfc.worlds.memory import MemoryWorld  # noqa: PLC0415 - a world loads only if it is used

        return MemoryWorld(chosen)
    if scheme in {"postgres", "postgresql"} and colon:
        return _postgres(url, rest, chosen, look=look)
    maker = _foreign(scheme)
    if maker is not None:
        return maker(url, chosen)
    raise ConfigError(f"{url!r} names no world. The forms are {_FORMS}.")


def _sqlite(url: str, rest: str, clock: Clock, keys: str, *, look: bool) -> World:
    path = rest.removeprefix("///")
    if path == rest or not path:
        raise ConfigError(f"{url!r} names no file. Write {_FORMS}.")
    if look:
        from wfc.worlds.sqlite_look import SqliteLook  # noqa: PLC0415 - likewise

        return SqliteLook(path, clock=clock, vault=vault_of(keys))
    from wfc.worlds.sqlite import SqliteWorld  # noqa: PLC0415 - a world loads only if it is used

    return SqliteWorld(path, clock=clock, vault=vault_of(keys))


def _postgres(url: str, rest: str, clock: Clock, *, look: bool) -> World:
    if not rest.startswith("//"):
        raise ConfigError(f"{url!r} names no server. Write {_FORMS}.")
    try:
        from wfc.worlds.postgres import PostgresWorld  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtra(
            f"a world in PostgreSQL needs the package `{error.name}`. "
            'Install it: pip install "wfc-durable[postgres]"'
        ) from None
    vault = vault_of(os.environ.get(VARIABLE, ""))
    return PostgresWorld(url, clock=clock, vault=vault, look=look)


def _foreign(scheme: str) -> Callable[[str, Clock], World] | None:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow; for foreign worlds only

    for found in entry_points(group=GROUP, name=scheme):
        maker: Callable[[str, Clock], World] = found.load()
        return maker
    return None
