"""Log lines of a run as they are kept: chunks of its stream `wfc.logs`.

A line is a mapping of `time level logger message step_id attempt`, so that whoever reads the stream
needs no code of ours. Lines of workflow code have no step; each has a key by its place in the
history, so that a turn which a lost owner may have made already is kept once.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import Final

from wfc import codec
from wfc.ids import OperationId
from wfc.worlds.chunks import Form, NewChunk, StreamWrite

NAMESPACE: Final = "wfc.logs"
BYTES_MAX: Final = 1 << 20
"""Of so many bytes of an attempt, or of what workflow code says at once, the lines are kept."""


def line(record: logging.LogRecord, step_id: OperationId | None, attempt: int) -> tuple[bytes, int]:
    """Encode a record of the standard library; give its size, too, as it is to be counted: long
    lines are compressed, and whoever reads a thousand of them has them as they were.
    """
    # One character more than may be kept is too much already, whatever it takes to say so.
    text = _clean(text_of(record)[: BYTES_MAX + 1])
    time = datetime.fromtimestamp(record.created, UTC)
    body = encoded(time, record.levelname, record.name, text, (step_id, attempt))
    return body, max(len(body), len(text))


def encoded(
    time: datetime, level: str, logger: str, message: str, whose: tuple[OperationId | None, int]
) -> bytes:
    """Encode a line."""
    step_id, attempt = whose
    return codec.encode(
        {
            "time": time,
            "level": level,
            "logger": _clean(logger),
            "message": message,
            "step_id": step_id,
            "attempt": attempt,
        },
        path="a log line",
    )


def text_of(record: logging.LogRecord) -> str:
    """Give what a record says, the traceback below it."""
    try:
        text = record.getMessage()
    except Exception as error:  # noqa: BLE001 - arguments may be anything; the handlers tell it
        text = f"a record whose message cannot be made: {type(error).__name__}"
    raised = record.exc_text
    if not raised and record.exc_info and record.exc_info[0] is not None:
        raised = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    return f"{text}\n{raised}" if raised else text


def cut_mark(whose: tuple[OperationId | None, int]) -> bytes:
    """Encode the line that stands where lines are left out."""
    text = f"lines are left out from here on: {BYTES_MAX:,} bytes are kept of what is said at once"
    return encoded(datetime.now(UTC), "WARNING", NAMESPACE, text, whose)


class Said:
    """What workflow code has said since somebody last asked."""

    __slots__ = ("_chunks", "_cut", "_left", "_number", "_position")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._chunks: list[NewChunk] = []
        self._left, self._cut = BYTES_MAX, False
        self._position = self._number = 0

    def add(self, record: logging.LogRecord, position: int) -> None:
        """Keep a line that was made in the turn of the event at `position`."""
        if self._cut:
            return
        body, size = line(record, None, 0)
        if size > self._left:
            body, self._cut = cut_mark((None, 0)), True
        self._left -= size
        self._number = self._number + 1 if position == self._position else 0
        self._position = position
        key = f"{position}.{self._number}"
        self._chunks.append(NewChunk(form=Form.VALUE, body=body, key=key))

    def written(self) -> StreamWrite:
        """Give all as it is to be written."""
        return StreamWrite(namespace=NAMESPACE, chunks=tuple(self._chunks), spare=True)


def _clean(text: str) -> str:
    """Make text fit for UTF-8: half a surrogate pair is in names of files, and in logs of them."""
    return text.encode(errors="backslashreplace").decode()
