"""What an agent does between its steps, and what its tools are given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc.agent import DurableAgent
from wfc.agent.callbacks import Callbacks
from wfc.agent.steering import Options
from wfc.agent.stops import any_of, has_tool_call, step_count_is, total_tokens_over
from wfc.errors import PolicyError, RunFailed

STEERED = Program(
    "agent_steered",
    '''
    """Agents that are steered."""
    import sys

    import wfc
    from pydantic import BaseModel
    from pydantic_ai import RunContext, Tool
    from wfc.agent import (
        DurableAgent, Durability, StepChanges, has_tool_call, step_count_is, total_tokens_over,
    )


    class Desk(BaseModel):
        number: int


    async def note(what: str) -> None:
        "use step"
        sys.script.calls.append(what)


    async def search(query: str) -> str:
        """Search."""
        "use step"
        return "X1"


    async def stamp(ctx: RunContext[None], text: str) -> str:
        """Stamp a text."""
        "use step"
        ctx.tool_context.number += 1
        return f"{text} at {ctx.tool_context.number}"


    def plan(ctx: RunContext[None], text: str) -> str:
        """Plan, in workflow code."""
        return f"{text} by {ctx.tool_context}"


    def prepare(step):
        if step.number == 2:
            return StepChanges(
                model="slow",
                instructions="Be brief.",
                active_tools=["search"],
                tool_choice="search",
                settings={"temperature": 0.5},
            )
        if step.number == 4:
            return StepChanges(messages=step.messages[-1:])
        return None


    async def on_step_start(number):
        await note(f"step {number}")


    async def on_step_end(step):
        await note(f"end {step.number}: {len(step.tool_results)}")


    async def on_tool_start(call):
        await note(f"tool {call.tool_name}")


    async def on_tool_end(call, result):
        await note(f"{call.tool_name}: {result}")


    TOOLS = [search, Tool(stamp, metadata={"wfc": {"context_type": Desk}}), plan]
    bot = DurableAgent(
        "bot",
        wfc.scripted,
        tools=TOOLS,
        instructions="Be kind.",
        settings={"temperature": 0.1, "max_tokens": 9},
        durability=Durability({"slow": wfc.other}),
    )


    async def steered(question: str) -> str:
        "use workflow"
        return (await bot.stream(question, prepare_step=prepare)).output


    async def first(step):
        await note(f"prepare {step.number} {len(step.messages)} {step.deps}")
        if step.deps:
            return StepChanges(instructions="Be first.", messages=step.messages[:1])
        return None


    ready = DurableAgent("ready", wfc.scripted, prepare=first)


    async def prepared(question: str, deps: int) -> list:
        "use workflow"
        said = await ready.stream(question)
        result = await ready.stream(said.messages, deps=deps)
        return [result.output, len(result.messages)]


    async def called_back(question: str) -> str:
        "use workflow"
        result = await bot.stream(
            question,
            on_step_start=on_step_start,
            on_step_end=on_step_end,
            on_tool_start=on_tool_start,
            on_tool_end=on_tool_end,
        )
        return result.output


    async def chosen(question: str, how: str) -> str:
        "use workflow"
        result = await bot.stream(
            question,
            active_tools=[] if how == "none" else ["search"],
            tool_choice=None if how == "none" else how,
            settings={"temperature": 0.9},
            instructions="Be quick.",
        )
        return result.output


    async def given(question: str, tool: str = "stamp") -> list:
        "use workflow"
        entries = {tool: {"number": 4}, "plan": "Ada"}
        result = await bot.stream(question, tool_context=entries)
        return [one.content for one in result.tool_results]


    async def stops(question: str, how: str) -> list:
        "use workflow"
        stop = {
            "tokens": total_tokens_over(1),
            "tool": has_tool_call("search"),
            "either": [step_count_is(7), has_tool_call("search")],
        }[how]
        result = await bot.stream(question, stop_when=stop)
        return [result.finish_reason, len(result.steps)]


    async def asks(question: object) -> str:
        "use workflow"
        return (await bot.stream(question)).output
    ''',
)
FLOWS: Any = STEERED.module
SEARCH = Call("search", {"query": "LHR"})


async def done(house: Any, workflow: Any, *arguments: Any) -> Any:
    run = await house.start(workflow, *arguments)
    await house.worker().run_until_idle()
    result = await run.result()
    await house.replayed(run, STEERED)
    return result


async def test_each_step_may_be_prepared(house_of: HouseOf, script: Script) -> None:
    """Changes stick: another model, other instructions, tools and settings, other messages."""
    house = await house_of(STEERED)
    calls = [Call("search", {"query": "LHR"}, f"c{number}") for number in range(3)]
    script.says(*[[one] for one in calls])
    script.says(["Done."], [calls[1]], [calls[2]], model="other")
    assert await done(house, FLOWS.steered, "fly me") == "Done."
    assert [name for name, _ in script.calls] == ["scripted", "other", "other", "other"]
    first, second, third, fourth = script.infos
    assert first.instructions == "Be kind."
    assert second.instructions == third.instructions == "Be kind.\n\nBe brief."
    assert [tool.name for tool in first.function_tools] == ["search", "stamp", "plan"]
    assert [tool.name for tool in second.function_tools] == ["search"]
    assert second.model_settings == {"temperature": 0.5, "max_tokens": 9, "tool_choice": ["search"]}
    assert fourth.model_settings == third.model_settings
    assert [len(messages) for messages in script.requests] == [1, 3, 5, 1]


@pytest.mark.parametrize(("deps", "messages"), [(0, 2), (1, 2)])
async def test_an_agent_prepares_itself_once(
    house_of: HouseOf, script: Script, deps: int, messages: int
) -> None:
    house = await house_of(STEERED)
    script.says(["Hi."], ["Ho."])
    assert await done(house, FLOWS.prepared, "go", deps) == ["Hi.", messages]
    assert script.calls[0] == "prepare 0 0 None"
    assert script.infos[-1].instructions == ("Be first." if deps else None)


async def test_callbacks_are_called_in_their_order(house_of: HouseOf, script: Script) -> None:
    """To tell the world they call steps, which a replay does not make again."""
    house = await house_of(STEERED)
    script.says([SEARCH], ["Done."])
    await done(house, FLOWS.called_back, "fly me")
    assert script.calls == [
        "step 1", ("scripted", 0), "tool search", "search: X1", "end 1: 1", "step 2",
        ("scripted", 1), "end 2: 0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "tools", "choice"),
    [("none", [], None), ("required", ["search"], "required"), ("search", ["search"], ["search"])],
)
async def test_a_call_chooses_tools_and_settings(
    house_of: HouseOf, script: Script, how: str, tools: list[str], choice: Any
) -> None:
    house = await house_of(STEERED)
    script.says(["Done."])
    await done(house, FLOWS.chosen, "fly me", how)
    (info,) = script.infos
    assert [tool.name for tool in info.function_tools] == tools
    chosen = {} if choice is None else {"tool_choice": choice}
    assert info.model_settings == {"temperature": 0.9, "max_tokens": 9, **chosen}
    assert info.instructions == "Be kind.\n\nBe quick."


async def test_each_tool_sees_its_own_entry(house_of: HouseOf, script: Script) -> None:
    """Judged by its type, and copied for each step."""
    house = await house_of(STEERED)
    calls = [Call("stamp", {"text": "a"}), Call("stamp", {"text": "b"}, "c2")]
    script.says([*calls, Call("plan", {"text": "c"}, "c3")], ["Done."])
    assert await done(house, FLOWS.given, "fly me") == ["a at 5", "b at 5", "c by Ada"]


async def test_an_entry_for_no_tool_is_refused(house_of: HouseOf, script: Script) -> None:
    house = await house_of(STEERED)
    run = await house.start(FLOWS.given, "fly me", "stump")
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="no such tool"):
        await run.result()
    assert script.calls == []


@pytest.mark.parametrize("how", ["tokens", "tool", "either"])
async def test_conditions_stop_an_agent(house_of: HouseOf, script: Script, how: str) -> None:
    house = await house_of(STEERED)
    script.says([SEARCH], ["Done."])
    assert await done(house, FLOWS.stops, "fly me", how) == ["stopped", 1]


@pytest.mark.parametrize("prompt", ["", " ", [], 7, ["a", None]])
async def test_what_is_no_prompt_is_refused(
    house_of: HouseOf, script: Script, prompt: object
) -> None:
    house = await house_of(STEERED)
    run = await house.start(FLOWS.asks, prompt)
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed):
        await run.result()
    assert script.calls in ([], [("scripted", 0)])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DurableAgent("", "test"), "give it a name"),
        (lambda: DurableAgent("bot", "test", max_steps=3), r"step_count_is\(20\)"),
        (lambda: DurableAgent("bot", "test", on_stop=print), "no option `on_stop`"),
        (lambda: DurableAgent("bot", "test", on_end=3), "cannot be called"),
        (lambda: DurableAgent("bot", "test", tools=[print_it, print_it]), "two tools"),
        (lambda: step_count_is(0), "one step at least"),
        (lambda: has_tool_call(), "names no tool"),  # noqa: PLW0108 - called by the test
        (lambda: any_of([3]), "is no condition"),  # type: ignore[list-item]  # on purpose
        (lambda: Options(active_tools=["serch"]).check(["search"]), "no tool is called 'serch'"),
        (lambda: Options(tool_choice="serch").check(["search"]), "no tool is called 'serch'"),
    ],
)
def test_options_that_cannot_be_are_refused(make: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        make()


def print_it(text: str) -> None:
    """Print."""


@pytest.mark.parametrize(
    "options", [3, {"attempt": 1}, {"on_failure": "retry"}, {"attempts": 0}, {"timeout": "soon"}]
)
def test_metadata_that_says_nothing_is_refused(options: Any) -> None:
    from pydantic_ai import Tool  # noqa: PLC0415 - beside its only use

    with pytest.raises((PolicyError, ValueError)):
        DurableAgent("bot", "test", tools=[Tool(print_it, metadata={"wfc": options})])


async def test_callbacks_of_both_are_called_the_constructors_first() -> None:
    heard: list[str] = []

    async def later() -> None:
        heard.append("second")

    both = Callbacks.of({"on_start": lambda: heard.append("first")}) + Callbacks.of(
        {"on_start": later, "on_end": None}
    )
    await both.call("on_start")
    assert heard == ["first", "second"]
    assert not both.wants("on_end")
    assert total_tokens_over(3)([]) is False
