"""One `stream` call: an agent's run from its first frame to its last, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic_ai import Agent
from pydantic_ai.durable_exec import replay_scope
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.usage import RunUsage

from wfc.agent import stamps
from wfc.agent.approval import Rules, current_rules
from wfc.agent.callbacks import Callbacks
from wfc.agent.chat import ChatTurn
from wfc.agent.deadline import Deadline, Expired, current_deadline
from wfc.agent.durability import now
from wfc.agent.pricing import cost_of
from wfc.agent.result import AgentResult
from wfc.agent.steering import Options, Steering
from wfc.agent.turn import Turn, current_turn
from wfc.errors import AgentOutputError, StepTimeout
from wfc.ids import Site
from wfc.runtime.live import Live

_TURNS: Final = Site("agent.turn")
"""The site at which turns are counted that no chat has numbered."""
_OUTPUT_RETRIES: Final = "output retries"
_REASONS: Final = {
    "stop": "stop", "length": "length", "content_filter": "content-filter",
    "tool_call": "tool-calls", "error": "error", "stopped": "tool-calls", "timeout": "other",
}  # fmt: skip


class Session:
    """What one `stream` call holds while it goes."""

    def __init__(
        self,
        *,
        agent: Agent[Any, Any],
        execution: Live,
        options: Options,
        callbacks: Callbacks,
        turn: Turn | None,
        rules: Rules,
        expose_errors: bool,
        send_finish: bool,
        close: bool,
    ) -> None:
        """Run `agent` for an execution; nothing is asked yet."""
        self._agent = agent
        self._execution = execution
        self._options = options
        self._callbacks = callbacks
        self._turn = turn
        self._rules = rules
        self._expose_errors = expose_errors
        self._send_finish = send_finish
        self._close = close
        self._deadline: Deadline | None = None
        self._usage = RunUsage()

    def limit(self, seconds: float, counts_waiting: bool) -> None:  # noqa: FBT001 - a private pair
        """End the run after so many seconds of the workflow clock."""
        at = now() + timedelta(seconds=seconds)
        self._deadline = Deadline(at, now, counts_waiting=counts_waiting)

    async def run(
        self, prompt: Any, history: Sequence[ModelMessage], *, deps: Any, output_type: Any
    ) -> AgentResult[Any]:
        """Run the agent, and end its stream in every case."""
        tokens = (
            current_turn.set(self._turn),
            current_deadline.set(self._deadline),
            current_rules.set(self._rules),
        )
        try:
            if self._turn is not None and not self._turn.was_opened:
                self._turn.open(error_text=self._public_error())
            await self._callbacks.call("on_start")
            # Around the agent's own span too: a replay emits none again.
            with replay_scope(is_replaying=lambda: self._execution.replaying):
                result = await self._asked(prompt, list(history), deps, output_type)
            await self._callbacks.call("on_end", result)
        except asyncio.CancelledError:
            if self._execution.alive:
                await self._aborted("The agent was cancelled.")
            raise
        except Exception as error:
            if self._execution.alive:
                await self._failed(error)
            raise
        else:
            self._ended(result.finish_reason)
            return result
        finally:
            current_turn.reset(tokens[0])
            current_deadline.reset(tokens[1])
            current_rules.reset(tokens[2])

    async def _asked(
        self, prompt: Any, history: list[ModelMessage], deps: Any, output_type: Any
    ) -> AgentResult[Any]:
        steering = Steering(
            self._options, self._callbacks, self._deadline, first_message=len(history)
        )
        try:
            found = await self._agent.run(
                prompt,
                message_history=history or None,
                deps=deps,
                output_type=output_type,
                model=self._options.model,
                usage_limits=self._options.usage_limits,
                usage=self._usage,
                capabilities=[steering],
            )
        except Expired:
            return await self._timed_out(steering.seen, steering.first_message)
        except StepTimeout:
            if self._deadline is None or self._deadline.left_s() > 0:
                raise
            return await self._timed_out(steering.seen, steering.first_message)
        except UnexpectedModelBehavior as error:
            if _OUTPUT_RETRIES not in error.message:
                raise
            text = _said_last(steering.seen)
            raise AgentOutputError(f"{error.message}; it said last: {text!r}", text) from error
        stamps.stamp(found.all_messages(), now())
        reason = "stopped" if steering.stopped else found.response.finish_reason
        return self._result(found.output, found.all_messages(), steering.first_message, reason)

    def _result(
        self, output: Any, messages: Sequence[ModelMessage], first: int, reason: str | None
    ) -> AgentResult[Any]:
        new = tuple(messages[first:])
        return AgentResult(
            output=output,
            messages=tuple(messages),
            new_messages=new,
            finish_reason=reason,
            usage=self._usage,
            turn=None if self._turn is None else self._turn.number,
            cost=cost_of([one for one in new if isinstance(one, ModelResponse)]),
        )

    # -- how it ends

    async def _timed_out(self, messages: list[ModelMessage], first: int) -> AgentResult[Any]:
        await self._callbacks.call("on_abort")
        if self._turn is not None:
            await self._turn.close_parts()
            self._turn.end_step()
            self._turn.frames([{"type": "abort", "reason": "The agent's time is over."}])
        stamps.stamp(messages, now())
        return self._result(None, messages, first, "timeout")

    async def _aborted(self, reason: str) -> None:
        if self._turn is not None:
            await self._turn.close_parts()
            self._turn.end_step()
            self._turn.frames([{"type": "abort", "reason": reason}])
            self._turn.finish(None, close=True)
        await self._callbacks.call("on_abort")

    async def _failed(self, error: Exception) -> None:
        if self._turn is not None:
            await self._turn.close_parts()
            self._turn.end_step()
            self._turn.frames([{"type": "error", "errorText": self._public_error(error)}])
            self._turn.finish("error", close=True)
        await self._callbacks.call("on_error", error)
        await self._callbacks.call("on_end", None)

    def _ended(self, reason: str | None) -> None:
        if self._turn is not None:
            self._turn.end_step()
            self._turn.finish(
                None if reason is None else _REASONS.get(reason, "other"),
                close=self._close,
                send=self._send_finish,
            )

    def _public_error(self, error: Exception | None = None) -> str:
        if error is not None and self._expose_errors:
            return str(error)
        return f"The agent could not finish (run {self._execution.run_id})."


def _said_last(messages: Sequence[ModelMessage]) -> str:
    answers = [one for one in messages if isinstance(one, ModelResponse)]
    parts = answers[-1].parts if answers else ()
    return "".join(
        part.content if isinstance(part, TextPart) else part.args_as_json_str()
        for part in parts
        if isinstance(part, TextPart | ToolCallPart)
    )


def turn_for(execution: Live, prompt: Any, stream_to: Any) -> Turn | None:
    """Give the turn that a call tells; None where nobody is told.

    An agent that another one uses as a tool is no turn of its own: what it comes to is what the
    tool comes to.
    """
    if stream_to is None or current_turn.get() is not None:
        return None
    if isinstance(prompt, ChatTurn):
        return prompt.begin(execution)
    number = int(execution.name(_TURNS).rpartition("#")[2]) + 1
    chapter = "" if execution.chapter == 1 else f"{execution.chapter}:"
    return Turn(execution, f"{chapter}{number}")
