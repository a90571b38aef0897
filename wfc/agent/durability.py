"""`Durability`: the capability that makes an agent's calls steps of the run it works in."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from pydantic_ai import (
    ApprovalRequired,
    DeferredToolRequests,
    DeferredToolResults,
    FunctionToolset,
    RunContext,
    ToolDefinition,
)
from pydantic_ai.agent import EventStreamHandler
from pydantic_ai.capabilities.abstract import WrapRunHandler
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    DurabilityEngineSpec,
    DurableOperationId,
    RoleBasedOperationConfig,
    ToolsetKind,
    conversation_id_from_run_id,
    replay_scope,
)
from pydantic_ai.messages import AgentStreamEvent, ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import Model, ModelRequestContext, ModelResolutionContext
from pydantic_ai.run import AgentRunResult
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

from wfc import sleep
from wfc.agent import faults, stamps
from wfc.agent.approval import Given, Rules, current_rules
from wfc.agent.backend import Backend, Config, Unencodable
from wfc.agent.breaker import Breaker
from wfc.agent.clients import without_retries
from wfc.agent.deciding import Batch
from wfc.agent.framing import LIVE
from wfc.agent.named import NamedModel
from wfc.agent.seams import on_the_loop_of_the_run
from wfc.agent.tools import KEY, adapt, config_of
from wfc.agent.turn import Turn, current_turn, write_live
from wfc.clock import to_datetime
from wfc.durations import Duration
from wfc.ids import Site
from wfc.runtime import context
from wfc.runtime.live import Live

faults.register()

_RUNS: Final = Site("agent.run")
"""The site at which the runs of all agents of a run are counted."""


class Durability(BaseDurabilityCapability[Any]):
    """Makes an agent durable where workflow code runs it: each call of a model or a tool is a step.

    Elsewhere the agent is what it was. `models` are those that a run may switch to, by key; a call
    of a model has `model_attempts` of `model_timeout` each, one of an MCP server `mcp_attempts`;
    `breaker` leaves failing models alone.
    """

    engine_spec: ClassVar[DurabilityEngineSpec] = DurabilityEngineSpec(
        engine_name="wfc",
        durable_unit_noun="step",
        durable_container_noun="workflow",
        codec=JSON_CODEC,
        tool_config_key=KEY,
        journal_discovery=True,
        toolset_lifecycles={
            "function": "enter-always",
            "mcp": "enter-in-durable-unit",
            "dynamic": "enter-never",
        },
        unsupported_runtime_toolset_kinds=frozenset({"function", "mcp", "dynamic"}),
        serialization_failure=lambda error: Unencodable(str(error)),
    )

    def __init__(
        self,
        models: Mapping[str, Model] | None = None,
        *,
        model_attempts: int = 3,
        model_timeout: Duration = "10m",
        mcp_attempts: int = 3,
        approval: Given = None,
        breaker: Breaker | None = None,
        name: str | None = None,
    ) -> None:
        """Choose how often and how long calls are tried. Raises `PolicyError`, at the first run."""
        super().__init__(models=models, name=name)
        self._model: Config = {"attempts": model_attempts, "timeout": model_timeout}
        self._mcp: Config = {"attempts": mcp_attempts}
        self._breaker = breaker
        self._rules = Rules.of(approval)

    # -- where it is

    @property
    def in_durable_context(self) -> bool:
        """Tell whether workflow code of a run asks, and no step of it."""
        return _execution() is not None

    def get_default_run_id(self) -> str | None:
        """Name an agent's run by the run and its number there: the same at every replay."""
        execution = _execution()
        if execution is None:
            return None
        number = execution.name(_RUNS).rpartition("#")[2]
        chapter = "" if execution.chapter == 1 else f"{execution.chapter}."
        return f"{execution.run_id}:{chapter}{number}"

    def get_default_conversation_id(self, run_id: str) -> str | None:
        """Derive a conversation of a run of its own."""
        return conversation_id_from_run_id(run_id) if self.in_durable_context else None

    def get_run_clock(self) -> Callable[[], datetime] | None:
        """Give the clock of the run."""
        return now if self.in_durable_context else None

    async def get_run_start_time(self, run_id: str) -> datetime | None:
        """Give the time of the event in whose turn the agent's run began."""
        return now() if self.in_durable_context else None

    # -- how it runs

    async def wrap_run(
        self, ctx: RunContext[Any], *, handler: WrapRunHandler
    ) -> AgentRunResult[Any]:
        """Run the agent's graph on the loop of the run, where nothing may go to a thread."""
        execution, agent = _execution(), self._agent
        if execution is None or agent is None:
            return await handler()
        with (
            on_the_loop_of_the_run(_durable_sleep),
            agent.parallel_tool_call_execution_mode("parallel_ordered_events"),
            replay_scope(is_replaying=lambda: execution.replaying),
        ):
            result = await super().wrap_run(ctx, handler=handler)
        stamps.stamp(result.all_messages(), now())
        return result

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Stamp what is new with the clock of the run: else only these would differ in a replay."""
        if self.in_durable_context:
            stamps.stamp(request_context.messages, now())
        return await super().before_model_request(ctx, request_context)

    def _stamp_response(self, response: ModelResponse, messages: list[ModelMessage]) -> None:
        stamps.tell_calls_apart(response, messages)

    async def resolve_model_id(
        self, ctx: ModelResolutionContext[Any], *, model_id: str
    ) -> Model | None:
        """Give a registered model; in workflow code a name is enough, and no client is made."""
        found = await super().resolve_model_id(ctx, model_id=model_id)
        if found is None and self.in_durable_context:
            return NamedModel(model_id)
        return found

    async def _resolve_model_for_request(self, model_id: str | None, ctx: RunContext[Any]) -> Model:
        return without_retries(await super()._resolve_model_for_request(model_id, ctx))

    # -- whom it asks

    async def before_tool_execute(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any
    ) -> Any:
        """See whether a person is to be asked about a call."""
        if self.in_durable_context and not ctx.tool_call_approved:
            rule = self._rules.over(current_rules.get()).by_tool.get(call.tool_name)
            if rule is not None and await rule.applies(ctx, args):
                raise ApprovalRequired
        return args

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Ask people about calls, and wait for what runs elsewhere."""
        execution = _execution()
        if execution is None:
            return None
        rules = self._rules.over(current_rules.get())
        return await Batch(execution, _turn(), ctx, rules).decided(requests)

    # -- what it streams

    @property
    def has_wrap_run_event_stream(self) -> bool:
        """Tell whether somebody wants to see the events: then models stream."""
        return _turn() is not None or super().has_wrap_run_event_stream

    async def wrap_run_event_stream(
        self, ctx: RunContext[Any], *, stream: AsyncIterable[AgentStreamEvent]
    ) -> AsyncIterable[AgentStreamEvent]:
        """Tell the turn what tools come to. What the model says is written by its own step."""
        turn = _turn()
        async for event in super().wrap_run_event_stream(ctx, stream=stream):
            if turn is not None:
                frames = await turn.framing.frames(event)
                if not isinstance(event, LIVE):
                    turn.frames(frames)
            yield event

    def _model_stream_event_handler(self) -> EventStreamHandler[Any] | None:
        return write_live

    # -- what a step is

    def _wrap_leaf_toolset(self, ts: AbstractToolset[Any]) -> WrapperToolset[Any] | None:
        if isinstance(ts, FunctionToolset):
            adapt(ts)
        return super()._wrap_leaf_toolset(ts)

    def get_durable_operation_backend(self) -> Backend:
        """Give what turns operations into closure steps."""
        return Backend(
            agent_name=self.name or "",
            config=RoleBasedOperationConfig[Config](
                model=self._model, event={}, capability={}, tool={}, resolve_tool=self._resolved
            ),
            breaker=self._breaker,
        )

    def _resolved(
        self, operation_id: DurableOperationId, tool: object | None, tool_name: str
    ) -> Config | Literal[False]:
        kind: ToolsetKind = getattr(operation_id, "toolset_kind", "function")
        base = self._toolset_base_config(kind)
        if tool is None or not isinstance(tool, ToolsetTool):
            return base
        return config_of(tool, tool_name, base)

    def _toolset_base_config(self, kind: ToolsetKind) -> Config:
        return self._mcp if kind == "mcp" else {}


def now() -> datetime:
    """Give the clock of the run. Raises `OutsideWorkflow` where no workflow code runs."""
    return to_datetime(context.needed("the clock of an agent").now_us())


def _execution() -> Live | None:
    return None if context.attempt.get() is not None else context.current.get()


def _turn() -> Turn | None:
    return None if _execution() is None else current_turn.get()


async def _durable_sleep(seconds: float) -> None:
    await sleep(max(seconds, 0.0))
