"""From an operation of pydantic-ai's durable SDK to a closure step of the run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from pydantic_ai.durable_exec import (
    DurableOperationId,
    JournalCallableOperationBackend,
    ModelCompactMessagesId,
    ModelRequestId,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
    record_durable_unit,
)

from wfc.agent import faults, tool_context
from wfc.agent.breaker import Breaker
from wfc.agent.deadline import current_deadline
from wfc.agent.faults import ANSWERS
from wfc.agent.tools import ON_FAILURE, failed
from wfc.agent.turn import Turn, current_turn
from wfc.errors import CodecError, Unserialisable
from wfc.ids import DefinitionId, Site
from wfc.runtime import context
from wfc.runtime.closures import closure_step
from wfc.runtime.retry import Closure

Config = Mapping[str, Any]
"""Keywords of `wfc.policy`."""
_LEAST_S: Final = 0.001
MODULE: Final = "wfc.agent"
"""What stands before the colon in the ids of these steps: no module of the user's has them."""


class Unencodable(Exception):
    """A value that no log can hold was to be recorded."""


class Backend(JournalCallableOperationBackend[Config]):
    """Asks the current execution for a closure step, named as pydantic-ai names the operation."""

    def __init__(
        self,
        *,
        agent_name: str,
        config: RoleBasedOperationConfig[Config],
        breaker: Breaker | None = None,
    ) -> None:
        """Serve the agent of this name."""
        super().__init__(agent_name=agent_name, config=config)
        self._breaker = breaker

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: Config,
    ) -> object:
        """Have `body` run as a recorded step, or take what it came to from the log."""
        site = Site(name.replace(":", "."))
        turn = current_turn.get()
        is_model = isinstance(operation_id, ModelRequestId | ModelCompactMessagesId)
        guarded = self._guarded(body, operation_id) if is_model else body
        streams = isinstance(operation_id, ModelRequestId) and operation_id.streaming
        attempt = _Attempt(name, guarded, turn if streams else None, tool_context.current.get())
        closure = Closure(
            call=attempt.run, give_up_on=faults.is_final, retry_after=faults.retry_after_s
        )
        policy = {name: value for name, value in config.items() if name != ON_FAILURE}
        deadline = current_deadline.get() if is_model else None
        if deadline is not None:
            policy["total"] = max(deadline.left_s(), _LEAST_S)
        replaying = context.needed(f"the agent's {name}").replaying
        try:
            return await closure_step(
                DefinitionId(f"{MODULE}:{site}"), closure, policy=policy, site=site
            )
        except (*ANSWERS, CodecError):
            raise
        except Exception as error:
            if isinstance(operation_id, ToolsetCallToolId) and config.get(ON_FAILURE) != "raise":
                raise failed(name.rpartition(":")[2], error) from error
            raise
        finally:
            record_durable_unit(executed=not replaying)

    def _guarded(
        self, body: Callable[[], Awaitable[object]], operation_id: Any
    ) -> Callable[[], Awaitable[object]]:
        breaker = self._breaker
        if breaker is None:
            return body
        return lambda: breaker.guard(operation_id.model_name, body)


class _Attempt:
    """The body of one operation, for as many attempts as it takes."""

    def __init__(
        self,
        name: str,
        body: Callable[[], Awaitable[object]],
        turn: Turn | None,
        entries: Mapping[str, Any],
    ) -> None:
        self._name = name
        self._body = body
        self._step = None if turn is None else turn.next_step()
        self._entries = entries

    async def run(self) -> object:
        try:
            with tool_context.given(self._entries):
                if self._step is None:
                    return await self._body()
                async with self._step.written_live():
                    return await self._body()
        except Unencodable as error:
            raise Unserialisable(
                f"what the agent's {self._name} came to cannot be recorded: {error}\n"
                "Return data: text, numbers, lists, dicts, pydantic models."
            ) from error
