"""Events as rows: bodies of the wire format, with large payloads kept once per run in `blobs`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from itertools import count
from typing import Any, Final, NamedTuple

from wfc import codec
from wfc.errors import CorruptEvent
from wfc.eventlog import wire
from wfc.eventlog.event import Event, Recorded
from wfc.ids import RunId
from wfc.worlds import rules
from wfc.worlds.sql_transaction import Connection, Transaction
from wfc.worlds.vault import Vault, missing, veiled_or

BLOB_BYTES: Final = 32 << 10
_KEY: Final = "$key"
"""Names the key among the names of payloads, none of which is written so."""
_BLOB: Final = "a large payload"
_DIGEST: Final = "digest"
INSERT: Final = (
    "INSERT INTO events (run_id, position, code, body, dedupe, blobs) VALUES (?, ?, ?, ?, ?, ?)"
)
SELECT: Final = (
    "SELECT position, body, blobs, code FROM events"
    " WHERE run_id = ? AND position > ? ORDER BY position LIMIT ?"
)
SELECT_BLOB: Final = "SELECT digest, body FROM blobs WHERE run_id = ? AND digest = ?"
_INSERT_BLOB: Final = (
    "INSERT INTO blobs (run_id, digest, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)

Parameters = tuple[str, int, int, bytes, str | None, str | None]
Fetched = tuple[int, bytes, str | None, int]


class Encoded(NamedTuple):
    """The rows that hold some events, and how much they weigh."""

    rows: list[Parameters]
    blobs: dict[bytes, bytes]
    size: int


def encode(run_id: RunId, recorded: Iterable[Recorded], vault: Vault | None = None) -> Encoded:
    """Turn events into rows, sealed if there is a vault."""
    rows: list[Parameters] = []
    blobs: dict[bytes, bytes] = {}
    size = 0
    for one in recorded:
        if vault is None:
            body, names = _plain(one, blobs)
        else:
            body, names = _sealed(run_id, one, blobs, vault)
        size += len(body)
        rows.append(
            (run_id, one.position, one.event.code, body, rules.dedupe_key(one.event), names)
        )
    return Encoded(rows, blobs, size + sum(map(len, blobs.values())))


def _plain(one: Recorded, blobs: dict[bytes, bytes]) -> tuple[bytes, str | None]:
    body = wire.encode(one.recorded_at, one.event)
    if len(body) > BLOB_BYTES:
        named: dict[str, str] = {}
        event = one.event
        for path, payload in _payloads(event):
            if len(payload) > BLOB_BYTES:
                digest = _digest(payload)
                blobs[digest], named[path] = payload, digest.hex()
                event = _with_payload(event, path, b"")
        if named:
            return wire.encode(one.recorded_at, event), json.dumps(named)
    return body, None


def _sealed(
    run_id: RunId, one: Recorded, blobs: dict[bytes, bytes], vault: Vault
) -> tuple[bytes, str]:
    """Seal all payloads of an event; its row names the key, since sealed bytes look like any."""
    named = {_KEY: vault.writes_under}
    event = one.event
    for path, payload in _payloads(event):
        if path.endswith(_DIGEST):
            continue  # calls are compared by it
        if len(payload) > BLOB_BYTES:
            digest = vault.digest(run_id, payload)
            blobs[digest], named[path] = vault.seal(run_id, _BLOB, payload), digest.hex()
            event = _with_payload(event, path, b"")
        else:
            place = _place(one.position, path)
            event = _with_payload(event, path, vault.seal(run_id, place, payload))
    return wire.encode(one.recorded_at, event), json.dumps(named)


def _place(position: int, path: str) -> str:
    return f"`{path}` of event {position}"


def insert(connection: Connection, run_id: RunId, encoded: Encoded) -> None:
    """Write rows of one run."""
    if len(encoded.rows) == 1:
        connection.execute(INSERT, encoded.rows[0])
    else:
        connection.executemany(INSERT, encoded.rows)
    if encoded.blobs:
        connection.executemany(
            _INSERT_BLOB, [(run_id, digest, body) for digest, body in encoded.blobs.items()]
        )


def decode(
    run_id: RunId, row: Fetched, blobs: Mapping[bytes, bytes], vault: Vault | None = None
) -> Recorded:
    """Turn a row back into an event. Raises `CorruptEvent`, `LogTooNew`, `CannotDecrypt`."""
    position, body, names, code = row
    recorded = wire.decode(body, run_id=run_id, position=position)
    if recorded.event.code != code:
        raise CorruptEvent(
            run_id, position, f"its row says code {code}, its body {recorded.event.code}"
        )
    if names is None:
        return recorded
    try:
        key_id, named = _named(names)
    except ValueError as error:
        raise CorruptEvent(run_id, position, f"the names of its payloads: {error}") from error
    event = recorded.event
    if key_id is not None:
        if vault is None:
            raise missing(run_id, key_id)
        for path, place, sealed in _sealed_parts(run_id, recorded, named, blobs):
            event = _with_payload(event, path, vault.open(run_id, place, sealed, key_id))
        return replace(recorded, event=event)
    for path, digest in named.items():
        payload = _blob(run_id, position, path, digest, blobs)
        if _digest(payload) != digest:
            raise _lost(run_id, position, path)
        event = _with_payload(event, path, payload)
    return replace(recorded, event=event)


def veiled(
    run_id: RunId, row: Fetched, blobs: Mapping[bytes, bytes], vault: Vault | None = None
) -> Recorded:
    """Do as `decode`, but let `codec.ENCRYPTED` stand for payloads that no key here opens."""
    position, body, names, _ = row
    try:
        key_id = None if names is None else _named(names)[0]
    except ValueError:
        key_id = None

    def veil() -> Recorded:
        recorded = wire.decode(body, run_id=run_id, position=position)
        event = recorded.event
        for path, _ in _payloads(event):
            if not path.endswith(_DIGEST):
                event = _with_payload(event, path, codec.ENCRYPTED)
        return replace(recorded, event=event)

    return veiled_or(lambda: decode(run_id, row, blobs, vault), veil, vault, key_id)


def _sealed_parts(
    run_id: RunId, recorded: Recorded, named: Mapping[str, bytes], blobs: Mapping[bytes, bytes]
) -> Iterator[tuple[str, str, bytes]]:
    """Give the sealed payloads of an event, each with the place that it was sealed for."""
    for path, payload in _payloads(recorded.event):
        if path in named:
            yield path, _BLOB, _blob(run_id, recorded.position, path, named[path], blobs)
        elif not path.endswith(_DIGEST):
            yield path, _place(recorded.position, path), payload


def _blob(
    run_id: RunId, position: int, path: str, digest: bytes, blobs: Mapping[bytes, bytes]
) -> bytes:
    payload = blobs.get(digest)
    if payload is None:
        raise _lost(run_id, position, path)
    return payload


def _lost(run_id: RunId, position: int, path: str) -> CorruptEvent:
    return CorruptEvent(run_id, position, f"its payload `{path}` is missing or changed")


def blob_digests(rows: Iterable[Fetched]) -> list[bytes]:
    """Name the blobs that some rows need; of a malformed row none: `decode` tells what it is."""
    found: list[bytes] = []
    for _, _, names, _ in rows:
        if names is not None:
            with suppress(ValueError):
                found += _named(names)[1].values()
    return found


def read_history(transaction: Transaction, run_id: RunId, after: int, limit: int) -> list[Recorded]:
    """Read events on the writer's connection, within its transaction."""
    rows = transaction.execute(SELECT, (run_id, after, limit)).fetchall()
    blobs = {
        digest: body
        for wanted in blob_digests(rows)
        for digest, body in transaction.execute(SELECT_BLOB, (run_id, wanted))
    }
    check_dense(run_id, rows, after)
    return [decode(run_id, row, blobs, transaction.vault) for row in rows]


def check_dense(run_id: RunId, rows: Sequence[Fetched], after: int) -> None:
    """See that no event is missing among `rows`, which follow position `after`."""
    if rows and rows[-1][0] - after != len(rows):
        found = {row[0] for row in rows}
        raise gone(run_id, next(at for at in count(after + 1) if at not in found))


def gone(run_id: RunId, position: int) -> CorruptEvent:
    """Say that an event which was written is not there."""
    return CorruptEvent(run_id, position, "its row is missing")


def _named(names: str) -> tuple[str | None, dict[str, bytes]]:
    """Read what a row says of its payloads: the key they are sealed under, and which are blobs.

    Raises `ValueError`.
    """
    found: Any = json.loads(names)
    if not isinstance(found, dict) or not {str}.issuperset(map(type, found.values())):
        raise ValueError(f"{names!r} are none")
    key_id: str | None = found.pop(_KEY, None)
    return key_id, {path: bytes.fromhex(digest) for path, digest in found.items()}


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=32).digest()


def _payloads(event: Event) -> Iterator[tuple[str, bytes]]:
    for one in fields(event):
        value: Any = getattr(event, one.name)
        if isinstance(value, bytes):
            yield one.name, value
        elif isinstance(value, Event):
            for path, payload in _payloads(value):
                yield f"{one.name}.{path}", payload


def _with_payload(event: Event, path: str, payload: bytes) -> Event:
    name, _, rest = path.partition(".")
    if rest:
        return replace(event, **{name: _with_payload(getattr(event, name), rest, payload)})
    return replace(event, **{name: payload})


def weight(events: Iterable[Event]) -> int:
    """Estimate how many bytes some events take."""
    return sum(len(payload) for event in events for _, payload in _payloads(event))
