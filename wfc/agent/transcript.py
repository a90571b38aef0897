"""What a chat shows: messages put together from the streams of its turns, as a browser does it.

The streams are what every reader has seen, so a page that is loaded anew shows the same; and a chat
that goes on after its run has ended takes its history from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_ai.messages import ModelMessagesTypeAdapter
from pydantic_ai.ui.vercel_ai import VercelAIAdapter
from pydantic_ai.ui.vercel_ai.request_types import UIMessage

from wfc.agent.chat import Post
from wfc.agent.conversations import Conversations
from wfc.agent.turn import namespace_of
from wfc.eventlog.entity import Run
from wfc.eventlog.event import HookReceived
from wfc.ids import RunId
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import World

Part = dict[str, Any]
_PAGE: Final = 256
_LOG_PAGE: Final = 2000


async def messages_of_run(conversations: Conversations, row: Run) -> list[dict[str, Any]]:
    """Give the messages of a run's turns, as the AI SDK's `UIMessage`."""
    found: list[dict[str, Any]] = []
    names = {one.namespace for one in await conversations.streams(row.run_id)}
    for post in await _said(conversations, row):
        found.append({**post.message, "role": "user"})
        chunks = await _chunks_of_turn(conversations.client.world, row.run_id, post.turn, names)
        answer = assembled(chunks, f"{row.run_id}~{post.turn}")
        if answer["parts"]:
            found.append(answer)
    return found


async def history_of(conversations: Conversations, row: Run) -> tuple[Any, ...]:
    """Give what a run that has ended said and heard, for the one that goes on."""
    before = (await conversations.begun_with(row.run_id)).history
    said: list[UIMessage] = []
    for message in await messages_of_run(conversations, row):
        try:
            said.append(UIMessage.model_validate(message))
        except ValidationError:
            continue  # of a form that this pydantic-ai does not know: it cannot be told to a model
    loaded = VercelAIAdapter.load_messages(said)
    return (*before, *ModelMessagesTypeAdapter.dump_python(loaded, mode="json"))


async def _said(conversations: Conversations, row: Run) -> list[Post]:
    """Give all messages that came for a run, in their order."""
    world = conversations.client.world
    first = (await conversations.begun_with(row.run_id)).first
    posts = [] if first is None else [first]
    after = 0
    while page := await world.history(row.run_id, after, _LOG_PAGE, veiled=True):
        after += len(page)
        for each in page:
            if isinstance(each.event, HookReceived):
                post = conversations.read_post(each.event.payload)
                if post is not None:
                    posts.append(post)
    return posts


async def _chunks_of_turn(
    world: World, run_id: RunId, turn: str, names: set[str]
) -> list[Mapping[str, Any]]:
    """Read the streams of a turn: its first part, and those that follow what people answered."""
    found: list[Mapping[str, Any]] = []
    number, namespace = 0, namespace_of(turn)
    while namespace in names:
        start = 0
        while page := (await world.read_chunks(run_id, namespace, start, _PAGE)).chunks:
            start += len(page)
            found += [json.loads(row.body) for row in page if row.form is Form.RAW]
        number += 1
        namespace = namespace_of(f"{turn}.{number}")
    return found


# --- putting together --------------------------------------------------------------------------


def assembled(chunks: Iterable[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Put the chunks of a turn together to one message of the assistant."""
    building = _Message()
    for chunk in chunks:
        building.take(chunk)
    return {
        "id": name,
        "role": "assistant",
        "metadata": {"wfc": name, **building.metadata},
        "parts": building.parts,
    }


class _Message:
    """A message that grows chunk by chunk."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.metadata: dict[str, Any] = {}
        self._texts: dict[str, Part] = {}
        self._tools: dict[str, Part] = {}
        self._step = 0

    def take(self, chunk: Mapping[str, Any]) -> None:
        kind = str(chunk.get("type"))
        if kind in _TEXTS:
            self._text(kind, chunk)
        elif kind.startswith("tool-"):
            self._tool(kind, chunk)
        elif kind == "start-step":
            self._step = len(self.parts)
            self.parts.append({"type": "step-start"})
        elif kind == "reset-step":
            del self.parts[self._step + 1 :]
        elif kind.startswith("data-"):
            if not chunk.get("transient"):
                self._data(chunk)
        elif kind in _WHOLE:
            self.parts.append(dict(chunk))
        elif isinstance(metadata := chunk.get("messageMetadata"), dict):
            self.metadata.update(metadata)

    def _text(self, kind: str, chunk: Mapping[str, Any]) -> None:
        name, _, action = kind.partition("-")
        at = f"{name}:{chunk.get('id')}"
        if action == "start":
            part = {"type": name, "text": "", "state": "streaming"}
            self._texts[at] = part
            self.parts.append(part)
        elif (found := self._texts.get(at)) is not None:
            if action == "delta":
                found["text"] += str(chunk.get("delta", ""))
            else:
                found["state"] = "done"
        else:
            return
        if "providerMetadata" in chunk:
            self._texts[at]["providerMetadata"] = chunk["providerMetadata"]

    def _data(self, chunk: Mapping[str, Any]) -> None:
        """Add data; one of the same type and id takes the place of the one before."""
        for number, part in enumerate(self.parts):
            same = "id" in chunk and part.get("id") == chunk["id"]
            if same and part["type"] == chunk["type"]:
                self.parts[number] = dict(chunk)
                return
        self.parts.append(dict(chunk))

    def _tool(self, kind: str, chunk: Mapping[str, Any]) -> None:
        call = str(chunk.get("toolCallId"))
        part = self._tools.get(call)
        if part is None or part not in self.parts:
            part = self._new_tool(call, chunk)
        part.update(_TOOL_STATES.get(kind, {}))
        for source, target in _TOOL_FIELDS.get(kind, {}).items():
            if source in chunk:
                part[target] = chunk[source]
        if kind == "tool-approval-request":
            part["approval"] = {"id": chunk.get("approvalId")}
        if kind == "tool-output-denied":
            part["approval"] = {**part.get("approval", {"id": call}), "approved": False}

    def _new_tool(self, call: str, chunk: Mapping[str, Any]) -> Part:
        name = str(chunk.get("toolName", "unknown"))
        part: Part = {"type": f"tool-{name}", "toolCallId": call, "state": "input-streaming"}
        if chunk.get("dynamic"):
            part |= {"type": "dynamic-tool", "toolName": name}
        self._tools[call] = part
        self.parts.append(part)
        return part


_TEXTS: Final = frozenset(
    f"{name}-{action}" for name in ("text", "reasoning") for action in ("start", "delta", "end")
)
_WHOLE: Final = frozenset({"source-url", "source-document", "file"})
_TOOL_STATES: Final[Mapping[str, Part]] = {
    "tool-input-available": {"state": "input-available"},
    "tool-input-error": {"state": "output-error"},
    "tool-approval-request": {"state": "approval-requested"},
    "tool-output-available": {"state": "output-available"},
    "tool-output-error": {"state": "output-error"},
    "tool-output-denied": {"state": "output-denied"},
}
_TOOL_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "tool-input-available": {"input": "input", "providerMetadata": "callProviderMetadata"},
    "tool-input-error": {"input": "input", "errorText": "errorText"},
    "tool-output-available": {"output": "output", "preliminary": "preliminary"},
    "tool-output-error": {"errorText": "errorText"},
}
"""What of a chunk becomes what of a part."""
