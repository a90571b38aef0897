"""Events as rows: bodies of the wire format, with large payloads kept once per run in `blobs`."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final, NamedTuple

from wfc.errors import CorruptEvent
from wfc.eventlog import wire
from wfc.eventlog.event import Event, Recorded
from wfc.ids import RunId
from wfc.worlds import rules

BLOB_BYTES: Final = 32 << 10
INSERT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
SELECT: Final = (
    "SELECT position, body, blobs, code FROM events"
    " WHERE run_id = ? AND position > ? ORDER BY position LIMIT ?"
)
SELECT_BLOB: Final = "SELECT digest, body FROM blobs WHERE run_id = ? AND digest = ?"
_INSERT_BLOB: Final = "INSERT OR IGNORE INTO blobs (run_id, digest, body) VALUES (?, ?, ?)"

Parameters = tuple[str, int, int, bytes, str | None, str | None]
Fetched = tuple[int, bytes, str | None, int]


class Encoded(NamedTuple):
    """The rows that hold some events, and how much they weigh."""

    rows: list[Parameters]
    blobs: dict[bytes, bytes]
    size: int


def encode(run_id: RunId, recorded: Iterable[Recorded]) -> Encoded:
    """Turn events into rows."""
    rows: list[Parameters] = []
    blobs: dict[bytes, bytes] = {}
    size = 0
    for one in recorded:
        event = one.event
        body, names = wire.encode(one.recorded_at, event), None
        if len(body) > BLOB_BYTES:
            small, named = _without_payloads(event, blobs)
            if named:
                body = wire.encode(one.recorded_at, small)
                names = json.dumps(named)
        size += len(body)
        rows.append((run_id, one.position, event.code, body, rules.dedupe_key(event), names))
    return Encoded(rows, blobs, size + sum(map(len, blobs.values())))


def insert(connection: sqlite3.Connection, run_id: RunId, encoded: Encoded) -> None:
    """Write rows of one run."""
    if len(encoded.rows) == 1:
        connection.execute(INSERT, encoded.rows[0])
    else:
        connection.executemany(INSERT, encoded.rows)
    if encoded.blobs:
        connection.executemany(
            _INSERT_BLOB, [(run_id, digest, body) for digest, body in encoded.blobs.items()]
        )


def decode(run_id: RunId, row: Fetched, blobs: Mapping[bytes, bytes]) -> Recorded:
    """Turn a row back into an event. Raises `CorruptEvent`, `LogTooNew`."""
    position, body, names, code = row
    recorded = wire.decode(body, run_id=run_id, position=position)
    if recorded.event.code != code:
        raise CorruptEvent(
            run_id, position, f"its row says code {code}, its body {recorded.event.code}"
        )
    if names is None:
        return recorded
    event = recorded.event
    for path, digest in _named(names).items():
        payload = blobs.get(digest)
        if payload is None or _digest(payload) != digest:
            raise CorruptEvent(run_id, position, f"its payload `{path}` is missing or changed")
        event = _with_payload(event, path, payload)
    return replace(recorded, event=event)


def blob_digests(rows: Iterable[Fetched]) -> list[bytes]:
    """Name the blobs that some rows need."""
    return [
        digest for _, _, names, _ in rows if names is not None for digest in _named(names).values()
    ]


def read_history(
    connection: sqlite3.Connection, run_id: RunId, after: int, limit: int
) -> list[Recorded]:
    """Read events on the writer's connection, within its transaction."""
    rows = connection.execute(SELECT, (run_id, after, limit)).fetchall()
    blobs = {
        digest: body
        for wanted in blob_digests(rows)
        for digest, body in connection.execute(
            "SELECT digest, body FROM blobs WHERE run_id = ? AND digest = ?", (run_id, wanted)
        )
    }
    return [decode(run_id, row, blobs) for row in rows]


def _named(names: str) -> dict[str, bytes]:
    return {path: bytes.fromhex(digest) for path, digest in json.loads(names).items()}


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=32).digest()


def _without_payloads(event: Event, blobs: dict[bytes, bytes]) -> tuple[Event, dict[str, str]]:
    named: dict[str, str] = {}
    for path, payload in _payloads(event):
        if len(payload) > BLOB_BYTES:
            digest = _digest(payload)
            blobs[digest] = payload
            named[path] = digest.hex()
            event = _with_payload(event, path, b"")
    return event, named


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
