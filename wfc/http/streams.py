"""A stream of a run over HTTP: from any index, as server-sent events, lines of JSON, or bytes.

Who may read it is asked by whoever mounts this; namespaces that begin with ``wfc.`` are for
operators.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal, cast

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response, StreamingResponse

from wfc.config import Session, current_session
from wfc.errors import CodecError, RunNotFound
from wfc.ids import RunId
from wfc.runtime.streams import rows, value_of
from wfc.runtime.writable import DEFAULT
from wfc.worlds.chunks import ChunkRow, Form

Format = Literal["sse", "ndjson", "raw"]
PING_S: Final = 15
"""How often a quiet connection is kept from being taken for dead."""
_LINE: Final = "\n"
_MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "sse": "text/event-stream",
    "ndjson": "application/x-ndjson",
    "raw": "application/octet-stream",
}
_ACCEPTED: Final[Mapping[str, Format]] = {
    **{media_type: name for name, media_type in _MEDIA_TYPES.items()},
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/*": "sse",
    "application/*": "ndjson",
    "*/*": "sse",
}
_NO_NUMBERS: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_INTEGER: Final = re.compile(r"-?\d{1,18}", re.ASCII)


class _RefusedError(Exception):
    """The request cannot be answered: its status, and why."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.response = JSONResponse(
            {"title": title, "status": status, "detail": detail},
            status,
            media_type="application/problem+json",
        )


async def stream_response(
    request: HTTPConnection,
    run_id: str,
    namespace: str | None = None,
    *,
    start_index: int | None = None,
    format: Format | None = None,  # noqa: A002 - the word of the query
) -> Response:
    """Answer a request for a stream of a run, while it is written, to its end.

    What is not given is read from the request: the index from ``Last-Event-ID``, ``start_index`` or
    ``startIndex``, the format from ``format`` or ``Accept``. Whether the caller may read this run
    is for the caller of this function to judge. The answer is 404 for a run that is not there, 400
    for an index that is none, 406 for a format that cannot be had.
    """
    session = await current_session()
    return await answer(session, request, run_id, namespace, start_index=start_index, format=format)


async def answer(
    session: Session,
    request: HTTPConnection,
    run_id: str,
    namespace: str | None = None,
    *,
    start_index: int | None = None,
    format: Format | None = None,  # noqa: A002 - likewise
) -> Response:
    """Do what `stream_response` does, with a session of the caller's."""
    try:
        wanted = _format_of(request, format)
        start = _index_of(request) if start_index is None else start_index
        served = await _Served.of(session, RunId(run_id), namespace or DEFAULT, start)
        if wanted == "raw":
            await served.check_raw()
    except _RefusedError as refused:
        return refused.response
    except RunNotFound as problem:
        return _RefusedError(404, "No such run", str(problem)).response
    if wanted == "sse":
        return EventSourceResponse(
            served.events(),
            headers=served.headers,
            ping=PING_S,
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep=_LINE),
        )
    content = served.lines() if wanted == "ndjson" else served.raw()
    return StreamingResponse(content, headers=served.headers, media_type=_MEDIA_TYPES[wanted])


# --- what is asked for ---------------------------------------------------------------------------


def _format_of(request: HTTPConnection, given: str | None) -> Format:
    """Choose a format. Raises `_RefusedError`: 400, 406."""
    said = given or request.query_params.get("format")
    if said is not None:
        if said not in _MEDIA_TYPES:
            known = ", ".join(_MEDIA_TYPES)
            raise _RefusedError(400, "No such format", f"format={said!r}: it is one of {known}.")
        return cast("Format", said)
    accept = request.headers.get("accept", "*/*")
    for media_type in _by_preference(accept):
        if media_type in _ACCEPTED:
            return _ACCEPTED[media_type]
    raise _RefusedError(
        406,
        "Not in this format",
        f"A stream comes as {', '.join(_MEDIA_TYPES.values())}; Accept names none of them.",
    )


def _by_preference(accept: str) -> list[str]:
    """List the media types of an Accept header, the most wanted first."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")):
        media_type, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        if weight > 0:
            weighed.append((-weight, place, media_type))
    return [media_type for _, _, media_type in sorted(weighed)]


def _index_of(request: HTTPConnection) -> int:
    """Read where to start. Raises `_RefusedError`: 400."""
    last = request.headers.get("last-event-id")
    if last is not None:
        index = _integer("Last-Event-ID", last)
        if index < -1:  # -1 is the tail of an empty stream, and nothing counts from the end here
            raise _RefusedError(400, "No index", f"Last-Event-ID is {index}, and no index.")
        return index + 1
    for name in ("start_index", "startIndex"):
        given = request.query_params.get(name)
        if given is not None:
            return _integer(name, given)
    return 0


def _integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _RefusedError(400, "No index", f"{name} is {text[:40]!r}, and no integer.")
    return int(text)


# --- what is sent --------------------------------------------------------------------------------


class _Served:
    """One stream on its way to one client."""

    def __init__(
        self, session: Session, run_id: RunId, namespace: str, start: int, tail: int
    ) -> None:
        self._session = session
        self._run_id = run_id
        self._namespace = namespace
        self._start = start
        self.headers = {
            "wfc-run-id": run_id,
            "wfc-stream-tail-index": str(tail),
            "x-workflow-run-id": run_id,
            "x-workflow-stream-tail-index": str(tail),
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            # Compression would hold chunks back until a block of it is full.
            "content-encoding": "identity",
        }

    @classmethod
    async def of(cls, session: Session, run_id: RunId, namespace: str, start: int) -> _Served:
        """Look at the stream as it is now. Raises `RunNotFound`."""
        if await session.world.run(run_id) is None:
            raise RunNotFound(f"no run has the id {run_id!r}")
        tail = await session.world.tail_index(run_id, namespace)
        start = start if start >= 0 else max(0, tail + 1 + start)
        return cls(session, run_id, namespace, start, tail)

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Give server-sent events; each has the index by which a client resumes."""
        async for row in self._rows():
            if row.form is Form.RESET:
                yield ServerSentEvent(
                    json.dumps(_reset(row)), event="reset", id=str(row.index), sep=_LINE
                )
            else:
                yield ServerSentEvent(_json(self._value(row)), id=str(row.index), sep=_LINE)
        yield ServerSentEvent(json.dumps(await self._end()), event="end", sep=_LINE)

    async def lines(self) -> AsyncIterator[str]:
        """Give lines of JSON."""
        async for row in self._rows():
            if row.form is Form.RESET:
                yield f'{{"index": {row.index}, "reset": {json.dumps(_reset(row))}}}\n'
            else:
                yield f'{{"index": {row.index}, "chunk": {_json(self._value(row))}}}\n'
        yield json.dumps({"end": await self._end()}) + "\n"

    async def raw(self) -> AsyncIterator[bytes]:
        """Give the bytes of all chunks. Raises `_RefusedError` for one that has none."""
        async for row in self._rows():
            if row.form is not Form.RESET:
                yield self._bytes(row)

    async def check_raw(self) -> None:
        """See that what is written so far is bytes or text. Raises `_RefusedError`: 406."""
        page = await self._session.world.read_chunks(self._run_id, self._namespace, self._start)
        for row in page.chunks:
            if row.form is not Form.RESET:
                self._bytes(row)

    async def _rows(self) -> AsyncIterator[ChunkRow]:
        found = rows(self._session, self._run_id, self._namespace, self._start)
        # Of a run that was removed meanwhile the end says so: it has no status.
        with contextlib.suppress(RunNotFound):
            async for row in found:
                yield row

    def _bytes(self, row: ChunkRow) -> bytes:
        value = self._value(row)
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, bytes):
            return value
        raise _RefusedError(
            406,
            "Not as bytes",
            f"Chunk {row.index} is neither bytes nor text. Ask for sse or ndjson.",
        )

    def _value(self, row: ChunkRow) -> Any:
        try:
            return value_of(row, Any, self._session.types, self._namespace)
        except CodecError as problem:  # of a type that only the application's processes know
            return {"$unreadable": str(problem)}

    async def _end(self) -> dict[str, Any]:
        row = await self._session.world.run(self._run_id)
        status = None if row is None else row.status.value  # it may have been removed meanwhile
        tail = await self._session.world.tail_index(self._run_id, self._namespace)
        return {"status": status, "tail_index": tail}


def _reset(row: ChunkRow) -> dict[str, Any]:
    return {
        "step_id": row.operation_id,
        "attempt": row.attempt,
        "from_index": int(row.body),
    }


def _json(value: Any) -> str:
    return json.dumps(_plain(value), separators=(",", ":"))


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one return per kind of value
    """Make a value of what JSON knows; bytes become ``{"$bytes": "base64"}``."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - not before there is a stream

    match value:
        case bytes() | bytearray():
            return {"$bytes": base64.b64encode(value).decode()}
        case float() if not math.isfinite(value):
            return _NO_NUMBERS[str(value)]
        case dict():
            return {
                key if isinstance(key, str) else str(key): _plain(one) for key, one in value.items()
            }
        case list() | tuple():
            return [_plain(one) for one in value]
        case _ if hasattr(type(value), "model_dump"):
            return _plain(value.model_dump())
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
        case _:
            return to_jsonable_python(value, fallback=repr)
