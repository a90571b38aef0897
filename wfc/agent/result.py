"""What an agent's run came to, and what its steps were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.usage import RequestUsage, RunUsage
from typing_extensions import TypeVar

from wfc import codec

Output = TypeVar("Output", default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """One call of the model and the tools that it asked for. `number` counts from 1 in a run."""

    number: int
    response: ModelResponse
    tool_calls: tuple[ToolCallPart, ...]
    tool_results: tuple[ToolReturnPart, ...]
    usage: RequestUsage

    @property
    def text(self) -> str:
        """What the model said."""
        return self.response.text or ""


@dataclass(frozen=True, kw_only=True)
class AgentResult(Generic[Output]):
    """What `DurableAgent.stream` gives; a workflow may return it.

    `finish_reason` is that of the last answer, ``"timeout"``, or ``"stopped"`` where `stop_when`
    held; `turn` is the number of the stream, None if nothing was streamed; `cost` is in US dollars,
    None where no price is known.
    """

    output: Output
    messages: tuple[ModelMessage, ...]
    new_messages: tuple[ModelMessage, ...]
    finish_reason: str | None
    usage: RunUsage
    turn: str | None = None
    cost: Decimal | None = None
    steps: tuple[StepInfo, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Work the steps out of the messages."""
        if not self.steps:
            object.__setattr__(self, "steps", tuple(steps_in(self.new_messages)))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """All calls of tools, in the order of the answers."""
        return tuple(call for step in self.steps for call in step.tool_calls)

    @property
    def tool_results(self) -> tuple[ToolReturnPart, ...]:
        """All results of tools, in the order of their calls."""
        return tuple(result for step in self.steps for result in step.tool_results)


def steps_in(messages: Sequence[ModelMessage]) -> list[StepInfo]:
    """Find the steps of an agent's run in its messages."""
    steps: list[StepInfo] = []
    for place, message in enumerate(messages):
        if not isinstance(message, ModelResponse):
            continue
        after = messages[place + 1] if place + 1 < len(messages) else None
        parts = after.parts if isinstance(after, ModelRequest) else ()
        steps.append(
            StepInfo(
                number=len(steps) + 1,
                response=message,
                tool_calls=tuple(p for p in message.parts if isinstance(p, ToolCallPart)),
                tool_results=tuple(p for p in parts if isinstance(p, ToolReturnPart)),
                usage=message.usage,
            )
        )
    return steps


# --- as a value of the log -----------------------------------------------------------------------


def _encode(result: AgentResult[Any]) -> dict[str, Any]:
    dump = ModelMessagesTypeAdapter.dump_python
    at = len(result.messages) - len(result.new_messages)
    return {
        "output": result.output,
        "messages": dump(list(result.messages), mode="json"),
        "new_from": at,
        "finish_reason": result.finish_reason,
        "usage": _USAGE.dump_python(result.usage, mode="json"),
        "turn": result.turn,
        "cost": result.cost,
    }


def _decode(fields: dict[str, Any]) -> AgentResult[Any]:
    messages = tuple(ModelMessagesTypeAdapter.validate_python(fields["messages"]))
    return AgentResult(
        output=fields["output"],
        messages=messages,
        new_messages=messages[fields["new_from"] :],
        finish_reason=fields["finish_reason"],
        usage=_USAGE.validate_python(fields["usage"]),
        turn=fields["turn"],
        cost=fields["cost"],
    )


def _adapter() -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - beside its only use

    return TypeAdapter(RunUsage)


_USAGE = _adapter()
codec.REGISTERED.register_type(AgentResult, encode=_encode, decode=_decode)
