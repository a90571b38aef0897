"""What a worker and the process of a step say to each other: frames of the codec on a pipe.

A frame is four bytes of length and a payload, which holds a word and its fields. Nothing is
unpickled, on either side.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final

from wfc import codec

_LENGTH_BYTES: Final = 4
_FRAME_MAX: Final = 2**32 - 1

Said = tuple[str, dict[str, Any]]
"""A word, and what it is about."""


def frame(word: str, fields: Mapping[str, Any]) -> bytes:
    """Make a frame. Raises `Unserialisable` for what is no plain value."""
    body = codec.encode([word, dict(fields)], path=f"the frame `{word}`", limit=_FRAME_MAX)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _said(body: bytes) -> Said:
    word, fields = codec.decode(body, what="a frame")
    return word, fields


async def next_frame(reader: asyncio.StreamReader) -> Said | None:
    """Read a frame; None if the other side is gone, in the midst of one or between two."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        return _said(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class Pipe:
    """The end of a step's process: it reads in one thread and writes from all of them."""

    def __init__(self, end: socket.socket) -> None:
        """Speak through `end`, which no process of the step's own inherits."""
        end.set_inheritable(False)
        self._end = end
        self._lock = threading.Lock()
        self.is_ours = True
        """Whether this process may speak: what a body forks may not, for the worker would take what
        it says for the step's.
        """
        os.register_at_fork(after_in_child=self._left)

    def send(self, word: str, **fields: Any) -> None:
        """Send a frame. Raises `OSError` if the worker is gone."""
        self.send_frame(frame(word, fields))

    def send_frame(self, data: bytes) -> None:
        """Send a frame that was made before. Raises `OSError` if the worker is gone."""
        with self._lock:
            self._end.sendall(data)

    def _left(self) -> None:
        self.is_ours = False
        self._end.close()

    def receive(self) -> Said | None:
        """Wait for a frame; None if the worker is gone."""
        head = self._exactly(_LENGTH_BYTES)
        body = None if head is None else self._exactly(int.from_bytes(head, "big"))
        return None if body is None else _said(body)

    def _exactly(self, size: int) -> bytes | None:
        found = bytearray()
        while len(found) < size:
            try:
                more = self._end.recv(min(size - len(found), 1 << 20))
            except OSError:
                return None
            if not more:
                return None
            found += more
        return bytes(found)
