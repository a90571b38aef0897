"""From events of pydantic-ai to chunks of the AI SDK's UI message stream, protocol 7.

The ids of parts come from turn, step and part number: whoever frames an event again, here or on
another worker, makes the same chunk of it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from pydantic_ai.messages import (
    FinalResultEvent,
    NativeToolCallPart,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.ui.vercel_ai import VercelAIEventStream
from pydantic_ai.ui.vercel_ai.response_types import BaseChunk

from wfc.runtime.writable import UI_CHUNK_BYTES_MAX
from wfc.worlds.chunks import Form, NewChunk

LIVE: Final = (PartStartEvent, PartDeltaEvent, PartEndEvent, FinalResultEvent)
"""Events of a model's answer: the model step writes their chunks while the model speaks."""

Frame = Mapping[str, Any]
"""One chunk, as its JSON says it."""


class Framing(VercelAIEventStream[Any, Any]):
    """Turns events into frames, one after the other, for one turn or one step of it."""

    def __init__(self, prefix: str) -> None:
        """Let the ids of parts begin with `prefix`: ``t<turn>.s<step>``."""
        super().__init__(sdk_version=7)
        self.prefix = prefix
        self._parts = 0
        self._open: PartStartEvent | None = None

    def new_message_id(self) -> str:
        """Give the next part its id."""
        self._parts += 1
        self.message_id = f"{self.prefix}.p{self._parts}"
        return self.message_id

    async def frames(self, event: Any) -> list[Frame]:
        """Give the frames of an event."""
        if isinstance(event, PartStartEvent):
            streams = isinstance(
                event.part, TextPart | ThinkingPart | ToolCallPart | NativeToolCallPart
            )
            self._open = event if streams else None
        elif isinstance(event, PartEndEvent):
            self._open = None
        return await _all(self.handle_event(event))

    async def closing(self) -> list[Frame]:
        """Give the frames that close the part under way, if one is."""
        begun, self._open = self._open, None
        if begun is None:
            return []
        return await _all(self.handle_part_end(PartEndEvent(index=begun.index, part=begun.part)))


async def _all(chunks: AsyncIterator[BaseChunk]) -> list[Frame]:
    return [frame_of(chunk) async for chunk in chunks]


def frame_of(chunk: BaseChunk) -> Frame:
    """Give a chunk as its JSON says it."""
    frame: dict[str, Any] = json.loads(chunk.encode(7))
    return frame


def stored(frame: Frame, key: str) -> NewChunk:
    """Give a frame as a stream holds it: the bytes that every reader gets.

    What a model said or a tool gave stands in the log whole; a reader is spared more than 256 KiB.
    """
    body = compact(frame)
    if len(body) > UI_CHUNK_BYTES_MAX:
        longest = max(frame, key=lambda name: len(compact(frame[name])))
        note = f"({len(body):,} bytes, more than a stream of a chat shows)"
        body = compact({**frame, longest: note})
    return NewChunk(form=Form.RAW, body=body, key=key)


def compact(value: Any) -> bytes:
    """Write JSON without a byte too many."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")
