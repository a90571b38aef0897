"""What an agent is asked: a prompt, messages or a turn of a chat, judged before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelRequest, SystemPromptPart, UserContent

from wfc.agent.chat import ChatTurn

Prompt = ChatTurn | str | Sequence[UserContent] | Sequence[ModelMessage]


def split(prompt: Any, *, allow_system: bool) -> tuple[Any, list[ModelMessage]]:
    """Give the prompt and the history before it.

    Raises `ValueError` for an empty prompt, and for system messages in it, which instructions are
    for unless the caller allows them; `TypeError` for what is no prompt.
    """
    if isinstance(prompt, ChatTurn):
        return None, [*prompt.history, *prompt.messages]
    if isinstance(prompt, str):
        if not prompt.strip():
            raise ValueError("the prompt is empty; give the agent something to answer")
        return prompt, []
    if not isinstance(prompt, Sequence) or isinstance(prompt, bytes):
        raise TypeError(f"{prompt!r} is no prompt: give a text, content parts, messages or a turn")
    if not prompt:
        raise ValueError("the prompt is empty; give the agent something to answer")
    messages = [one for one in prompt if hasattr(one, "parts") and hasattr(one, "kind")]
    if not messages:
        return list(prompt), []
    if len(messages) != len(prompt):
        raise TypeError("the prompt mixes messages and content parts; give either")
    if not allow_system:
        _refuse_system(messages)
    return None, messages


def _refuse_system(messages: Sequence[ModelMessage]) -> None:
    for message in messages:
        if isinstance(message, ModelRequest) and any(
            isinstance(part, SystemPromptPart) for part in message.parts
        ):
            raise ValueError(
                "the prompt holds a system message, which whoever writes prompts could forge. Give "
                "`instructions=`, or say `allow_system=True` where you know the messages."
            )
