"""What a stream of frames has begun and not ended, and the frames that end it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wfc.agent.framing import Frame

INTERRUPTED: Final = "The call was interrupted."
_ENDS: Final = {"text-start": "text-end", "reasoning-start": "reasoning-end"}
_ANSWERED: Final = ("tool-output-available", "tool-output-error", "tool-output-denied")


def closing(frames: Iterable[Frame]) -> list[Frame]:
    """Give the frames that close every part and every call of a tool that is open."""
    parts: dict[str, str] = {}
    calls: dict[str, Frame] = {}
    streaming: set[str] = set()
    for frame in frames:
        kind, name = str(frame.get("type")), str(frame.get("id", frame.get("toolCallId")))
        if kind in _ENDS:
            parts[name] = _ENDS[kind]
        elif kind in _ENDS.values():
            parts.pop(name, None)
        elif kind == "reset-step":
            parts.clear()
            calls = {each: call for each, call in calls.items() if each not in streaming}
            streaming.clear()
        elif kind == "tool-input-start":
            calls[name] = frame
            streaming.add(name)
        elif kind == "tool-input-available":
            streaming.discard(name)
        elif kind in (*_ANSWERED, "tool-input-error"):
            calls.pop(name, None)
            streaming.discard(name)
    ends: list[Frame] = [{"type": end, "id": name} for name, end in parts.items()]
    for name, call in calls.items():
        ends.append(_interrupted(name, call, is_streaming=name in streaming))
    return ends


def _interrupted(name: str, call: Frame, *, is_streaming: bool) -> Frame:
    if not is_streaming:
        return {"type": "tool-output-error", "toolCallId": name, "errorText": INTERRUPTED}
    return {
        "type": "tool-input-error",
        "toolCallId": name,
        "toolName": call.get("toolName"),
        "input": None,
        "errorText": INTERRUPTED,
    }
