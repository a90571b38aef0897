"""Streams and their chunks: what a writer hands to a world, and what a reader gets from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import msgpack  # type: ignore[import-untyped]  # it brings no types

from wfc.errors import StreamTooLarge
from wfc.eventlog.entity import RunStatus
from wfc.ids import OperationId, RunId

CHUNK_BYTES_MAX: Final = 1 << 20
CHUNKS_MAX: Final = 1_000_000
STREAM_BYTES_MAX: Final = 1 << 30
PAGE_BYTES: Final = 4 << 20
"""How much one page of chunks holds, or the first chunk of it if that is more."""


class Form(IntEnum):
    """How the body of a chunk is to be read."""

    RAW = 0  # bytes, as they were given
    VALUE = 1  # a value, as the codec writes it
    RESET = 2  # what the step wrote from the index in the body on is void: it was tried again


class Closed(IntEnum):
    """Whether a stream still grows."""

    OPEN = 0
    BY_WRITER = 1
    BY_END = 2  # the run ended; an upgrade that reopens the run reopens the stream


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk:
    """A chunk that has no index yet. Of one with a `key`, the stream holds one at most."""

    form: Form
    body: bytes
    key: str | None = None


Epilogue = Mapping[RunStatus, tuple[NewChunk, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingStep:
    """The attempt that writes. `begins`: it is the first write of this body to this stream."""

    operation_id: OperationId
    attempt: int
    begins: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWrite:
    """What is written to one stream at once: chunks, then the mark that it is closed.

    `epilogue` (None: as it was) is what the end of the run will write to it, by the run's status.
    Of a `spare` write the chunks may be missing: a stream that is closed, or would become too
    large, is left as it is, and nothing else is refused for it.
    """

    namespace: str
    chunks: tuple[NewChunk, ...] = ()
    step: WritingStep | None = None
    close: bool = False
    epilogue: Epilogue | None = None
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """How many chunks the stream has now."""

    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRow:
    """A chunk as it stands. `writer` is the run whose step wrote it, if that is another run."""

    index: int
    form: Form
    body: bytes
    recorded_at: int
    operation_id: OperationId | None = None
    attempt: int = 0
    writer: RunId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPage:
    """Some chunks in a row. The stream has `length`, and will have no more if it is `closed`."""

    chunks: tuple[ChunkRow, ...]
    length: int
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """A stream; its tail index is `length - 1`."""

    namespace: str
    length: int
    size: int
    closed: bool
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedStreams:
    """What a copied log takes along of the streams of `run_id`: what these steps and runs wrote.

    Of a step that was tried again, what its last attempt wrote.
    """

    run_id: RunId
    steps: frozenset[OperationId] = field(default_factory=frozenset)
    writers: frozenset[RunId] = field(default_factory=frozenset)

    def takes(self, operation_id: OperationId | None, writer: RunId | None) -> bool:
        """Tell whether what this step of this run wrote goes along."""
        return operation_id in self.steps if writer is None else writer in self.writers


# --- what both worlds decide alike ---------------------------------------------------------------


def reset_of(from_index: int) -> NewChunk:
    """Make the chunk that says from which index on a step's chunks are void."""
    return NewChunk(form=Form.RESET, body=str(from_index).encode())


def check_sizes(
    run_id: RunId, namespace: str, length: int, size: int, chunks: Iterable[NewChunk]
) -> None:
    """Refuse what would make a chunk or a stream too large. Raises `StreamTooLarge`."""
    where = f"stream {namespace!r} of run {run_id}"
    for chunk in chunks:
        if len(chunk.body) > CHUNK_BYTES_MAX:
            raise StreamTooLarge(
                f"a chunk of {len(chunk.body):,} bytes for the {where}: a chunk may have "
                f"{CHUNK_BYTES_MAX:,}. Nothing was written.\nWrite it in parts."
            )
        length, size = length + 1, size + len(chunk.body)
    if length > CHUNKS_MAX or size > STREAM_BYTES_MAX:
        raise StreamTooLarge(
            f"the {where} would have {length:,} chunks and {size:,} bytes; {CHUNKS_MAX:,} chunks "
            f"and {STREAM_BYTES_MAX:,} bytes are the most. What was written before stays.\n"
            "Go on in a stream with another namespace, or write larger chunks less often."
        )


def is_left_out(
    wanted: StreamWrite, closed: int, length: int, size: int, new: Iterable[NewChunk]
) -> bool:
    """Tell whether a stream stays as it is, since it takes no more and the write says it may."""
    if not wanted.spare:
        return False
    sizes = [len(chunk.body) for chunk in new]
    return bool(
        closed
        or max(sizes, default=0) > CHUNK_BYTES_MAX
        or length + len(sizes) > CHUNKS_MAX
        or size + sum(sizes) > STREAM_BYTES_MAX
    )


def closer_of(wanted: StreamWrite, run_id: RunId, writer: RunId) -> str | None:
    """Name the step that closes a stream, so that a later attempt of it is known again."""
    if wanted.step is None:
        return None
    name = wanted.step.operation_id
    return name if writer == run_id else f"{writer} {name}"


def opens_again(wanted: StreamWrite, closed_by: str | None, closer: str | None) -> bool:
    """Tell whether a write takes back that the stream was closed: the step that did is repeated."""
    return wanted.step is not None and wanted.step.begins and closed_by == closer is not None


def last_attempts(chunks: Iterable[ChunkRow], copied: CopiedStreams) -> list[ChunkRow]:
    """Give the chunks that a copied log takes along, without those that a reset made void."""
    kept: list[ChunkRow] = []
    for chunk in chunks:
        if not copied.takes(chunk.operation_id, chunk.writer):
            continue
        if chunk.form is Form.RESET:
            whose = chunk.operation_id, chunk.writer
            kept = [one for one in kept if (one.operation_id, one.writer) != whose]
        else:
            kept.append(chunk)
    return kept


def epilogue_bytes(epilogue: Epilogue) -> bytes:
    """Write an epilogue for a table."""
    rows = {
        status.value: [(one.form.value, one.body, one.key) for one in chunks]
        for status, chunks in epilogue.items()
    }
    data: bytes = msgpack.packb(rows)
    return data


def epilogue_of(data: bytes) -> dict[RunStatus, tuple[NewChunk, ...]]:
    """Read an epilogue back."""
    return {
        RunStatus(status): tuple(
            NewChunk(form=Form(form), body=body, key=key) for form, body, key in rows
        )
        for status, rows in msgpack.unpackb(data).items()
    }
