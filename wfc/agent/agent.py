"""`DurableAgent`: an agent whose runs survive their processes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal

from pydantic_ai import Agent, Tool
from pydantic_ai.capabilities import AbstractCapability, Instrumentation
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.settings import ModelSettings
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import UsageLimits
from typing_extensions import TypeVar

from wfc import codec, durations
from wfc.agent import tool_context as tool_context_
from wfc.agent import tools as tools_
from wfc.agent.approval import Given, Rules
from wfc.agent.callbacks import Callbacks
from wfc.agent.chat import ChatTurn
from wfc.agent.durability import Durability
from wfc.agent.prompting import split
from wfc.agent.result import AgentResult, Output
from wfc.agent.session import Session, turn_for
from wfc.agent.steering import Options, PrepareStep, StepContext
from wfc.agent.stops import Stop, any_of
from wfc.durations import Duration
from wfc.errors import OutsideWorkflow
from wfc.runtime import context
from wfc.runtime.live import Live

Deps = TypeVar("Deps", default=None)
Instrument = InstrumentationSettings | bool
"""How spans are made; True: as usual, without what was said."""
REQUESTS: Final = 50
"""How many requests an agent's run makes at most, unless it is told."""


class DurableAgent(Generic[Deps, Output]):
    """An agent for workflows. Make it at module level: once per version, not per run.

    Each call of the model and of a tool is a step of the run, so the agent goes on after a crash
    where it was. `name` stands in the log and must stay; options are defaults, which `stream` may
    replace. Raises `ValueError` and `TypeError` for options that cannot be.
    """

    def __init__(
        self,
        name: str,
        model: Model | str | None = None,
        *,
        instructions: Any = None,
        tools: Sequence[Any] = (),
        toolsets: Sequence[AbstractToolset[Any]] = (),
        output_type: Any = str,
        output_retries: int = 1,
        deps_type: Any = object,
        durability: Durability | None = None,
        approval: Given = None,
        capabilities: Sequence[AbstractCapability[Any]] = (),
        prepare: PrepareStep | None = None,
        prepare_step: PrepareStep | None = None,
        stop_when: Stop | Sequence[Stop] | None = None,
        tool_choice: str | None = None,
        active_tools: Sequence[str] | None = None,
        settings: ModelSettings | None = None,
        usage_limits: UsageLimits | None = None,
        instrument: Instrument = False,
        expose_errors: bool = False,
        **callbacks: Any,
    ) -> None:
        """Make the agent; nothing is asked of the model, nor its key looked for."""
        if not name or not isinstance(name, str):
            raise ValueError(f"DurableAgent({name!r}): give it a name; logs know its steps by it")
        made = [one if isinstance(one, Tool) else Tool(one) for one in tools]
        tools_.check_names(made)
        self.name = name
        self.expose_errors = expose_errors
        self._callbacks = Callbacks.of(callbacks)
        self._defaults = Options(
            prepare_step=prepare_step,
            stop_when=any_of(stop_when),
            tool_choice=tool_choice,
            active_tools=active_tools,
            settings=settings,
            usage_limits=usage_limits or UsageLimits(request_limit=REQUESTS),
        )
        self._rules = Rules.of(approval)
        self._prepare = prepare
        self.durability = durability or Durability()
        self.agent: Agent[Any, Any] = Agent(
            model,
            name=name,
            instructions=instructions,
            tools=made,
            toolsets=list(toolsets),
            output_type=output_type,
            retries={"output": output_retries},
            deps_type=deps_type,
            defer_model_check=True,
            capabilities=[*capabilities, *_watched(instrument), self.durability],
        )
        self._context_types = tools_.context_types(made)
        self._tools = frozenset(tool.name for tool in made) if not toolsets else None

    def __repr__(self) -> str:
        """Name the agent."""
        return f"DurableAgent({self.name!r})"

    async def _prepared(
        self, asked: Any, history: list[ModelMessage], options: Options, deps: Any
    ) -> tuple[Any, list[ModelMessage], Options]:
        """Let `prepare` change what is asked, once, before the first step."""
        assert self._prepare is not None
        context = StepContext(number=0, messages=list(history), steps=[], deps=deps)
        changes = self._prepare(context)
        if inspect.isawaitable(changes):
            changes = await changes
        if changes is None:
            return asked, history, options
        if changes.messages is not None:
            history = list(changes.messages)
        return asked, history, options.changed(changes)

    async def stream(
        self,
        prompt: Any,
        *,
        deps: Deps = None,  # type: ignore[assignment]  # the default of `Deps`
        instructions: Any = None,
        model: Model | str | None = None,
        message_history: Sequence[Any] = (),
        output_type: Any = None,
        allow_system: bool = False,
        prepare_step: PrepareStep | None = None,
        stop_when: Stop | Sequence[Stop] | None = None,
        tool_choice: str | None = None,
        active_tools: Sequence[str] | None = None,
        settings: ModelSettings | None = None,
        usage_limits: UsageLimits | None = None,
        approval: Given = None,
        timeout: Duration | None = None,  # noqa: ASYNC109 - on the workflow clock, and durable
        timeout_counts_waiting: bool = False,
        tool_context: Mapping[str, Any] | None = None,
        stream_to: Literal["turn"] | None = "turn",
        send_finish: bool = True,
        close: bool = True,
        **callbacks: Any,
    ) -> AgentResult[Output]:
        """Answer `prompt` (a text, messages, a turn) in workflow code, and show it meanwhile.

        Readers see the stream of the turn unless `stream_to` is None. Raises `OutsideWorkflow`
        elsewhere, what a step raised that is out of attempts, and `UsageLimitExceeded`.
        """
        execution = _needed(self.name)
        asked, history = split(prompt, allow_system=allow_system)
        options = self._defaults.over(
            Options(
                instructions=instructions,
                prepare_step=prepare_step,
                stop_when=any_of(stop_when),
                tool_choice=tool_choice,
                active_tools=active_tools,
                settings=settings,
                usage_limits=usage_limits,
                model=model,
            )
        )
        if self._prepare is not None:
            asked, history, options = await self._prepared(asked, history, options, deps)
        options.check(self._tools)
        entries = tool_context_.checked(tool_context, self._context_types, self._tools)
        session = Session(
            agent=self.agent,
            execution=execution,
            options=options,
            callbacks=self._callbacks + Callbacks.of(callbacks),
            turn=turn_for(execution, prompt, stream_to),
            rules=self._rules.over(Rules.of(approval)),
            expose_errors=self.expose_errors,
            send_finish=send_finish,
            close=close,
        )
        if timeout is not None:
            session.limit(durations.seconds(timeout, what="timeout"), timeout_counts_waiting)
        codec.encode(deps, path=f"the deps of agent {self.name}")  # what no step could be given
        with tool_context_.given(entries):
            result = await session.run(
                asked, [*message_history, *history], deps=deps, output_type=output_type
            )
        if isinstance(prompt, ChatTurn):
            prompt.answered(list(result.messages))
        return result


def _watched(instrument: Instrument) -> list[Instrumentation]:
    """Give what makes spans, without what was said unless the settings ask for it."""
    if instrument is False:
        return []
    settings = InstrumentationSettings(include_content=False) if instrument is True else instrument
    return [Instrumentation(settings)]


def _needed(name: str) -> Live:
    execution = None if context.attempt.get() is not None else context.current.get()
    if execution is None:
        raise OutsideWorkflow(
            f"the agent {name} was asked to stream where no workflow runs, so nothing would be "
            "recorded. Start a workflow that awaits it, or use `bot.agent.run(...)`, the plain "
            "agent of pydantic-ai."
        )
    return execution
