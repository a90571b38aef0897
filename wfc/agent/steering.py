"""What one run of an agent does between its steps: choose, change, stop, call back."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from pydantic_ai import RunContext, ToolDefinition
from pydantic_ai.agent import CallToolsNode, ModelRequestNode
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse
from pydantic_ai.models import Model, ModelRequestContext, ModelSelectionContext
from pydantic_ai.result import FinalResult
from pydantic_ai.settings import ModelSettings, merge_model_settings
from pydantic_ai.usage import UsageLimits
from pydantic_graph import End

from wfc.agent.callbacks import Callbacks
from wfc.agent.deadline import Deadline
from wfc.agent.result import StepInfo, steps_in
from wfc.agent.stops import Stop

CHOICES: Final = ("auto", "none", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What is known before a call of the model. `number` counts from 1 in a run of the agent."""

    number: int
    messages: Sequence[ModelMessage]
    steps: Sequence[StepInfo]
    deps: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanges:
    """What is to be otherwise from this step on; None leaves it as it is."""

    model: Model | str | None = None
    instructions: str | None = None
    messages: Sequence[ModelMessage] | None = None
    tool_choice: str | None = None
    active_tools: Sequence[str] | None = None
    settings: ModelSettings | None = None


PrepareStep = Callable[[StepContext], StepChanges | Awaitable[StepChanges | None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the constructor sets as default and `stream` may replace."""

    instructions: Any = None
    prepare_step: PrepareStep | None = None
    stop_when: tuple[Stop, ...] = ()
    tool_choice: str | None = None
    active_tools: Sequence[str] | None = None
    settings: ModelSettings | None = None
    usage_limits: UsageLimits | None = None
    model: Model | str | None = None

    def over(self, given: Options) -> Options:
        """Give these, with what is `given` in their place; settings are merged by key."""
        changes = {
            each.name: value
            for each in fields(self)
            if (value := getattr(given, each.name)) not in (None, ())
            or (each.name == "active_tools" and value is not None)
        }
        changes["settings"] = merge_model_settings(self.settings, given.settings)
        return replace(self, **changes)

    def changed(self, changes: StepChanges) -> Options:
        """Give these with what is to be otherwise, but for the messages."""
        given = {
            each.name: value
            for each in fields(changes)
            if each.name != "messages" and (value := getattr(changes, each.name)) is not None
        }
        return self.over(Options(**given))

    def check(self, tools: Collection[str] | None) -> None:
        """See that tools that are named exist, where all are known. Raises `ValueError`."""
        named = list(self.active_tools or ())
        if self.tool_choice is not None and self.tool_choice not in CHOICES:
            named.append(self.tool_choice)
        unknown = [] if tools is None else [name for name in named if name not in tools]
        if unknown:
            raise ValueError(
                f"no tool is called {', '.join(map(repr, unknown))}; the agent has "
                f"{', '.join(sorted(tools or ())) or 'none'}"
            )


@dataclass
class Steering(AbstractCapability[Any]):
    """The capability of one `stream` call."""

    options: Options
    callbacks: Callbacks = field(default_factory=Callbacks)
    deadline: Deadline | None = None
    first_message: int = 0
    number: int = 0
    stopped: bool = False
    instead: list[ModelMessage] | None = None
    """What `prepare_step` has put in the place of all messages so far."""
    seen: list[ModelMessage] = field(default_factory=list)
    """The messages of the run, as far as a call of the model has come to see them."""

    # -- before a call of the model

    def get_model(self) -> Any:
        """Let `prepare_step` look, and choose the model, before anything else of a step."""
        return None if self.options.prepare_step is None else self._select

    async def _select(self, ctx: ModelSelectionContext[Any]) -> Model | str | None:
        prepare = self.options.prepare_step
        assert prepare is not None
        context = StepContext(
            number=self.number + 1,
            messages=list(ctx.messages),
            steps=steps_in(ctx.messages[self.first_message :]),
            deps=ctx.deps,
        )
        changes = prepare(context)
        if inspect.isawaitable(changes):
            changes = await changes
        if changes is not None:
            self.options = self.options.changed(changes)
            self.instead = None if changes.messages is None else list(changes.messages)
        return self.options.model if self.options.model is not None else ctx.model

    def get_instructions(self) -> Any:
        """Add instructions that `prepare_step` may change."""
        return [self._instructions]

    def _instructions(self, _ctx: RunContext[Any]) -> str | None:
        found = self.options.instructions
        return found if isinstance(found, str) else None

    async def prepare_tools(
        self, ctx: RunContext[Any], tool_defs: list[ToolDefinition]
    ) -> list[ToolDefinition]:
        """Offer only the active tools; None: all of them."""
        active = self.options.active_tools
        return tool_defs if active is None else [one for one in tool_defs if one.name in active]

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Stop what is too late; apply what was chosen; call back."""
        self.number += 1
        if self.instead is not None:
            request_context.messages = self.instead
            ctx.messages[:] = self.instead
            self.first_message, self.instead = 0, None
        self.seen = ctx.messages
        if self.deadline is not None:
            self.deadline.check()
        settings = merge_model_settings(request_context.model_settings, self.options.settings)
        choice = self.options.tool_choice
        if choice is not None:
            value: Any = choice if choice in CHOICES else [choice]
            settings = merge_model_settings(settings, ModelSettings(tool_choice=value))
        request_context.model_settings = settings
        if self.callbacks.wants("on_step_start"):
            await self.callbacks.call("on_step_start", self.number)
        return request_context

    # -- after a step

    async def after_node_run(self, ctx: RunContext[Any], *, node: Any, result: Any) -> Any:
        """See whether a step whose tools have answered was the last."""
        if not isinstance(node, CallToolsNode):
            return result
        goes_on = isinstance(result, ModelRequestNode)
        messages = list(ctx.messages[self.first_message :])
        if goes_on:
            messages.append(result.request)
        if self.callbacks.wants("on_step_end") or (goes_on and self.options.stop_when):
            steps = steps_in(messages)
            if self.callbacks.wants("on_step_end") and steps:
                await self.callbacks.call("on_step_end", steps[-1])
            if goes_on and any(stop(steps) for stop in self.options.stop_when):
                self.stopped = True
                ctx.messages.append(result.request)
                return End(FinalResult(_text_of(ctx.messages)))
        return result

    # -- tools

    async def before_tool_execute(
        self, ctx: RunContext[Any], *, call: Any, tool_def: ToolDefinition, args: Any
    ) -> Any:
        """Call back."""
        if self.callbacks.wants("on_tool_start"):
            await self.callbacks.call("on_tool_start", call)
        return args

    async def after_tool_execute(
        self, ctx: RunContext[Any], *, call: Any, tool_def: ToolDefinition, args: Any, result: Any
    ) -> Any:
        """Call back."""
        if self.callbacks.wants("on_tool_end"):
            await self.callbacks.call("on_tool_end", call, result)
        return result


def _text_of(messages: Sequence[ModelMessage]) -> str:
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            return message.text or ""
    return ""


__all__ = ["ModelRequest", "Options", "PrepareStep", "Steering", "StepChanges", "StepContext"]
