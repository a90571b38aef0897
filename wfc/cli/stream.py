"""`wfc stream RUN`: print what the steps of a run have written, and what they go on to write."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.session import opened, readable, row_of
from wfc.clock import to_datetime
from wfc.config import Session
from wfc.errors import CodecError, InputInvalid
from wfc.ids import RunId
from wfc.runtime.lines import NAMESPACE
from wfc.runtime.streams import PAGE, rows, value_of
from wfc.runtime.writable import DEFAULT
from wfc.worlds.chunks import ChunkRow, Form

_SHOWN: Final = ("index", "step_id", "attempt", "value")
app = command_app()


@app.command()
def stream(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id.")],
    namespace: Annotated[
        str, typer.Argument(metavar="NAMESPACE", help="Which of its streams.")
    ] = DEFAULT,
    *,
    start_index: Annotated[
        int, typer.Option(metavar="N", help="Where to begin; -5 means the last five.")
    ] = 0,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until the stream is closed.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Bytes and text as they are, with nothing between.")
    ] = False,
) -> None:
    """Print the chunks of a stream, by their indexes; `wfc.logs` has what the run has logged."""
    common = Common.of(context)
    reader = _Reader(common, run, namespace, start_index, raw=raw)
    try:
        asyncio.run(reader.read(follow=follow))
    except KeyboardInterrupt:
        if reader.next_index is not None:
            output.note(common, f"go on with: --start-index {reader.next_index}")
        raise


class _Reader:
    """Reads one stream; `next_index` is where another one would go on."""

    def __init__(self, common: Common, run: str, namespace: str, start: int, *, raw: bool) -> None:
        self._common = common
        self._run_id = RunId(run)
        self._namespace = namespace
        self._start = start
        self._raw = raw
        self.next_index: int | None = None

    async def read(self, *, follow: bool) -> None:
        """Print chunks to the present end, or to the last. Raises `RunNotFound`, `InputInvalid`."""
        async with opened(self._common.load()) as session:
            await row_of(session, self._run_id)
            start = self._start
            if start < 0:
                tail = await session.world.tail_index(self._run_id, self._namespace)
                start = max(0, tail + 1 + start)
            self.next_index = start
            if self._raw:
                await self._print_raw(session, self._found(session, start, follow=follow))
            elif follow:
                await self._print_each(session, start)
            else:
                await self._print_all(session, start)
            if self.next_index == 0:
                await self._hint(session)

    async def _found(
        self, session: Session, start: int, *, follow: bool
    ) -> AsyncIterator[ChunkRow]:
        if follow:
            async for row in rows(session, self._run_id, self._namespace, start):
                yield row
            return
        while True:
            page = await session.world.read_chunks(self._run_id, self._namespace, start, PAGE)
            for row in page.chunks:
                yield row
            start += len(page.chunks)
            if not page.chunks:
                return

    async def _print_all(self, session: Session, start: int) -> None:
        pages = output.Pages(self._common, "chunks")
        async for row in self._found(session, start, follow=False):
            one = self._chunk(session, row)
            pages.add([one], [self._row(one)])
            self.next_index = row.index + 1
        pages.end()

    async def _print_each(self, session: Session, start: int) -> None:
        first = True
        async for row in self._found(session, start, follow=True):
            one = self._chunk(session, row)
            output.stream(self._common, "chunks", [one], rows=[self._row(one)], first=first)
            sys.stdout.flush()
            self.next_index, first = row.index + 1, False

    async def _print_raw(self, session: Session, found: AsyncIterator[ChunkRow]) -> None:
        async for row in found:
            if row.form is not Form.RESET:
                value = self._value(session, row)
                if self._namespace == NAMESPACE and isinstance(value, dict) and "message" in value:
                    value = _as_line(value)
                if not isinstance(value, bytes | str):
                    raise InputInvalid(
                        f"chunk {row.index} is neither bytes nor text. Leave out `--raw`."
                    )
                sys.stdout.buffer.write(value.encode() if isinstance(value, str) else value)
                sys.stdout.buffer.flush()
            self.next_index = row.index + 1

    def _row(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """Give what people read of a chunk."""
        if self._namespace == NAMESPACE:
            return line_row(one)
        return {name: _shown(one[name]) for name in _SHOWN}

    def _chunk(self, session: Session, row: ChunkRow) -> dict[str, Any]:
        return chunk(session, self._run_id, self._namespace, row)

    def _value(self, session: Session, row: ChunkRow) -> Any:
        return _value(session, self._namespace, row)

    async def _hint(self, session: Session) -> None:
        others = [one.namespace for one in await session.world.streams(self._run_id)]
        if others and self._namespace not in others:
            names = ", ".join(others)
            output.note(self._common, f"nothing is in the stream {self._namespace!r}; {names} is")


def chunk(session: Session, run_id: RunId, namespace: str, row: ChunkRow) -> dict[str, Any]:
    """Give what programs read of a chunk."""
    reset = row.form is Form.RESET
    return {
        "index": row.index,
        "kind": "reset" if reset else "data",
        "value": readable(_value(session, namespace, row)),
        "step_id": row.operation_id,
        "attempt": row.attempt,
        "run": row.writer or run_id,
        "from_index": int(row.body) if reset else None,
        "recorded_at": output.rfc3339(to_datetime(row.recorded_at)),
    }


def _value(session: Session, namespace: str, row: ChunkRow) -> Any:
    try:
        return value_of(row, Any, session.types, namespace)
    except CodecError as problem:  # of a type that only the project's code knows
        return problem


def line_row(one: Mapping[str, Any]) -> dict[str, Any]:
    """Give what people read of a log line."""
    value = one["value"]
    row = {"time": "", "level": "", "logger": "", "step_id": one["step_id"], "message": ""}
    if one["kind"] == "reset":
        since = f"attempt {one['attempt']} begins; lines of this step from {one['from_index']} on"
        row["message"] = f"({since} are of earlier ones)"
    elif isinstance(value, Mapping) and "message" in value:
        row.update({name: value.get(name, "") for name in ("time", "level", "logger", "message")})
    else:
        row["message"] = _shown(value)
    return {name: _shown("" if cell is None else cell) for name, cell in row.items()}


def _as_line(value: Mapping[str, Any]) -> str:
    """Give a log line as a file would have it."""
    time = value.get("time")
    when = output.rfc3339(time) if isinstance(time, datetime) else time
    return f"{when} {value.get('level')} {value.get('logger')}: {value.get('message')}\n"


def _shown(value: Any) -> Any:
    """Make a value fit into a row."""
    return value if isinstance(value, str | int) else output.as_json(value)
