"""Streams as those have them who read: from any index, to the end, while others write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from wfc import codec
from wfc.clock import to_datetime
from wfc.errors import RunNotFound
from wfc.ids import OperationId, RunId
from wfc.runtime.client import Client
from wfc.runtime.writable import DEFAULT
from wfc.worlds.chunks import ChunkRow, Form

T = TypeVar("T")
PAGE: Final = 256
_LOOK_AGAIN_S: Final = 30.0
"""The world tells news within a second by itself, even if a hint is lost."""


class ChunkKind(StrEnum):
    """What a chunk is."""

    DATA = "data"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk(Generic[T]):
    """A chunk of a stream. `step_id` and `attempt` say who wrote it (None: workflow code), and
    `run_id` which run that step is of, if not of the stream's own.

    A `reset` has no value: its step is tried again, and what that step wrote from `from_index` on,
    before this chunk, is void.
    """

    index: int
    kind: ChunkKind
    value: T
    recorded_at: datetime
    step_id: OperationId | None = None
    attempt: int = 0
    run_id: RunId | None = None
    from_index: int | None = None


class Stream(Generic[T]):
    """One stream of a run, to be read as often as one likes: each loop begins at `start_index`.

    ``async for value in stream`` gives the values, `chunks` all that is to be known. Both wait for
    what is still to be written, and end when the stream is closed or its run has ended.
    """

    __slots__ = ("_client", "_start", "_type", "namespace", "run_id")

    def __init__(
        self,
        run_id: RunId,
        namespace: str | None,
        client: Callable[[], Awaitable[Client]],
        *,
        type: Any = Any,  # noqa: A002 - the word of `get_writable`
        start_index: int = 0,
    ) -> None:
        """Read from `start_index` on; a negative one counts from what is written by then.

        Raises `TypeError` if that is no whole number.
        """
        if isinstance(start_index, bool) or not isinstance(start_index, int):
            raise TypeError(f"start_index={start_index!r}; give a whole number, such as 0 or -5")
        self.run_id = run_id
        self.namespace = DEFAULT if namespace is None else namespace
        self._client = client
        self._type = type
        self._start = start_index

    def __repr__(self) -> str:
        """Name the stream."""
        return f"Stream({self.namespace!r} of {self.run_id})"

    async def __aiter__(self) -> AsyncIterator[T]:
        """Give the values. Raises as `chunks` does."""
        async for chunk in self.chunks():
            if chunk.kind is ChunkKind.DATA:
                yield chunk.value

    async def chunks(self) -> AsyncIterator[Chunk[T]]:
        """Give the chunks, resets among them, each as soon as it is on disk.

        Raises `RunNotFound`, and `PayloadMismatch` or `UnknownType` for a value that is not of the
        type asked for, or of none that is known here.
        """
        client = await self._client()
        async for row in rows(client, self.run_id, self.namespace, self._start):
            yield self._chunk(client, row)

    def _chunk(self, client: Client, row: ChunkRow) -> Chunk[T]:
        reset = row.form is Form.RESET
        return Chunk(
            index=row.index,
            kind=ChunkKind.RESET if reset else ChunkKind.DATA,
            value=value_of(row, self._type, client.types, self.namespace),
            recorded_at=to_datetime(row.recorded_at),
            step_id=row.operation_id,
            attempt=row.attempt,
            run_id=row.writer,
            from_index=int(row.body) if reset else None,
        )


def value_of(row: ChunkRow, wanted: Any, types: codec.Types, namespace: str) -> Any:
    """Read the value of a chunk; a reset has None. Raises `PayloadMismatch`, `UnknownType`."""
    what = f"chunk {row.index} of the stream {namespace!r}"
    if row.form is Form.RESET:
        return None
    if codec.is_withheld(row.body):
        return codec.decode(row.body)
    if row.form is Form.VALUE:
        return codec.decode(row.body, annotation=wanted, types=types, what=what)
    if wanted is Any or wanted is object or wanted is bytes:
        return row.body
    return codec.decode(codec.encode(row.body, path=what), annotation=wanted, what=what)


async def rows(
    client: Client, run_id: RunId, namespace: str, start: int
) -> AsyncIterator[ChunkRow]:
    """Give the chunks from an index on as the world holds them, until the stream is closed.

    A negative `start` is resolved once, against what is written now. Raises `RunNotFound`.
    """
    world = client.world
    if await world.run(run_id) is None:
        raise RunNotFound(f"no run has the id {run_id!r}. `wfc runs` lists those that exist.")
    index = start if start >= 0 else max(0, await world.tail_index(run_id, namespace) + 1 + start)
    length = 0
    watch = world.watch(f"stream:{run_id}")
    try:
        while True:
            page = await world.read_chunks(run_id, namespace, index, PAGE)
            if page.length < length:
                # A stream never gets shorter, and who was in the midst of it has not read its end.
                raise RunNotFound(f"run {run_id} was removed while its stream was being read")
            length = page.length
            for row in page.chunks:
                yield row
            index += len(page.chunks)
            if page.closed and index >= page.length:
                return
            if not page.chunks:
                await watch.changed(_LOOK_AGAIN_S)
    finally:
        watch.close()
