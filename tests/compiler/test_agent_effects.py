"""What a workflow may not do with agents, and what code it may not give them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.compiler.test_gather_effects import codes, effects_of
from wfc.compiler.allowances import exemptions_of
from wfc.compiler.facts import AgentFact
from wfc.compiler.gather import gather_tree
from wfc.compiler.scan import read_source
from wfc.diagnostics import Severity
from wfc.ids import ModuleName

ERROR, WARNING = Severity.ERROR, Severity.WARNING
BOTS = """
import pydantic_ai
from pydantic_ai import Agent
from wfc.agent import Durability, DurableAgent

OPTIONS = {}
CAPABILITIES = [Durability()]
bot = DurableAgent("bot", "openai:gpt-5")
durable = Agent(name="durable", capabilities=[Durability()])
bare: Agent[None, str] = Agent[None, str]("openai:gpt-5", name="bare")
dotted = pydantic_ai.Agent(name="dotted", capabilities=[])
opened = Agent(name="opened", **OPTIONS)
computed = Agent(name="computed", capabilities=CAPABILITIES)
partly = Agent(name="partly", capabilities=[*CAPABILITIES])
NUMBER = int("1")
"""
FLOW = """
from pydantic_ai import Agent
from app import bots
from app.bots import *
from app.bots import bare as renamed, bot, durable, opened, partly

def helper(agent: Agent, *more):
    return agent

async def flow(x):
    "use workflow"
    {use}
"""


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("await bot.stream(x)", []),
        ("await bot.agent.run(x)", []),
        ("await durable.run(x)", []),
        ("await durable.override(model=x)", []),
        ("await bots.bare.run(x)", [("WFC701", ERROR)]),
        ("await renamed.run(x)", [("WFC701", ERROR)]),
        ("await bots.dotted.run(x)", [("WFC701", ERROR)]),
        ("async with renamed.iter(x) as run: pass", [("WFC701", ERROR)]),
        ("async with renamed.run_stream(x) as run: pass", [("WFC701", ERROR)]),
        ("run = renamed.run; await run(x)", [("WFC701", ERROR), ("WFC701", WARNING)]),
        ("await opened.run(x)", [("WFC701", WARNING)]),
        ("await bots.computed.run(x)", [("WFC701", WARNING)]),
        ("await partly.run(x)", [("WFC701", WARNING)]),
        ("bot.agent.run_sync(x)", [("WFC702", ERROR)]),
        ("durable.run_stream_sync(x)", [("WFC702", ERROR)]),
        ("renamed.run_sync(x)", [("WFC702", ERROR)]),
        ("return bots.NUMBER.run(x)", []),
        ("return renamed.name", []),
    ],
)
def test_an_agent_that_nothing_records(
    use: str, expected: list[tuple[str, Severity]], tmp_path: Path
) -> None:
    """Wherever the agent was made: it is judged by what it was made with, and never silent."""
    modules = {"bots": BOTS, "flows": FLOW.replace("{use}", use)}
    assert codes(effects_of(tmp_path, modules)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return agent.run(x)", [("WFC701", WARNING)]),
        ("return agent.run_sync(x)", [("WFC702", WARNING)]),
        ("return agent.name", []),
    ],
)
def test_an_agent_that_only_an_annotation_names(
    body: str, expected: list[tuple[str, Severity]], tmp_path: Path
) -> None:
    """Nobody can tell which one it is, so it is a warning."""
    text = FLOW.replace("return agent", body).replace("{use}", "helper(x)")
    assert codes(effects_of(tmp_path, {"bots": BOTS, "flows": text})) == expected


def test_a_step_may_run_any_agent(tmp_path: Path) -> None:
    """It is one step, whatever it does."""
    step = '\nasync def ask(x):\n    "use step"\n    return renamed.run_sync(x)\n'
    text = FLOW.replace("{use}", "await ask(x)") + step
    assert codes(effects_of(tmp_path, {"bots": BOTS, "flows": text})) == []


def test_an_agent_is_made_while_a_module_loads(tmp_path: Path) -> None:
    """In a function that only loading calls, too; not in one that runs of workflows come to."""
    text = """
        from pydantic_ai import Agent
        from wfc.agent import DurableAgent

        def made(name):
            return DurableAgent(name)

        bot = made("bot")

        async def flow(x):
            "use workflow"
            {use}
        """
    good = effects_of(tmp_path / "good", {"flows": text.replace("{use}", "return bot.name")})
    assert codes(good) == []
    for number, use in enumerate(('made("x")', "Agent()")):
        bad = effects_of(tmp_path / str(number), {"flows": text.replace("{use}", use)})
        assert codes(bad) == [("WFC703", ERROR)]


GIVEN = """
import requests
from pydantic_ai import RunContext
from wfc.agent import DurableAgent

def tool(x: int) -> str:
    return requests.get("x").text

def words(ctx):
    return open("x").read()

async def flow(x):
    "use workflow"
    return bot.name

bot = DurableAgent("bot", {given})
{more}
"""


@pytest.mark.parametrize(
    ("given", "more", "code", "says"),
    [
        ("tools=[tool]", "", "WFC708", "the plain tool `tool` of it reaches `requests.get`"),
        ("tools=[lambda: tool(1)]", "", "WFC708", "the plain tool `tool` of it"),
        ("tools=[lambda: open('x')]", "", "WFC708", "a plain tool (a lambda) of it reaches `open`"),
        ("instructions=words", "", "WFC707", "the callback `words` of it reaches `open`"),
        ("instructions=lambda c: open('x')", "", "WFC707", "a callback (a lambda) of it"),
        ("on_end=words", "", "WFC707", "the callback `words`"),
        ("", "@bot.tool_plain\ndef late(): return open('x')", "WFC708", "the plain tool `late`"),
        ("", "@bot.instructions\ndef late(): return open('x')", "WFC707", "the callback `late`"),
    ],
)
def test_code_of_an_agent_has_no_effects(
    given: str, more: str, code: str, says: str, tmp_path: Path
) -> None:
    """It is workflow code; the finding says what the agent has to do with it."""
    text = GIVEN.replace("{given}", given).replace("{more}", more)
    effects = effects_of(tmp_path, {"flows": text})
    assert codes(effects) == [(code, ERROR)]
    (finding,) = effects.diagnostics
    assert says in finding.sentence
    assert "the agent `bot`" in finding.sentence
    assert "use step" in (finding.fix or "")


def test_a_step_as_a_tool_may_do_anything(tmp_path: Path) -> None:
    """It is a step."""
    tool = "def tool(x: int) -> str:\n"
    text = GIVEN.replace(tool, f'{tool}    "use step"\n').replace("{given}", "tools=[tool]")
    assert codes(effects_of(tmp_path, {"flows": text.replace("{more}", "")})) == []


@pytest.mark.parametrize("code", ["WFC708", "WFC201"])
def test_an_effect_of_a_tool_may_be_allowed_by_either_code(code: str, tmp_path: Path) -> None:
    """The comment that a reader of the finding writes is heard, at run time too."""
    line = 'return requests.get("x").text'
    text = GIVEN.replace("{given}", "tools=[tool]").replace("{more}", "")
    text = text.replace(line, f"{line}  # wfc: allow[{code}] it is a fake")
    effects = effects_of(tmp_path, {"flows": text})
    assert codes(effects) == []
    assert effects.allowed == ((code, "app.flows:tool", "it is a fake"),)
    source = read_source(ModuleName("app.flows"), "flows.py", "/flows.py", text.encode())
    exempt = {one.code for one in exemptions_of(source, gather_tree(source).tree)}
    assert {code, "WFC201"} <= exempt


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("client = openai.AsyncOpenAI()\nbot = DurableAgent('bot', client)", "return bot.name"),
        ("bot = DurableAgent('bot')", "return openai.AsyncOpenAI()"),
    ],
)
def test_a_client_of_a_provider(text: str, where: str, tmp_path: Path) -> None:
    """At module level or in a workflow: it holds keys and connections."""
    head = "import openai\nfrom wfc.agent import DurableAgent\n"
    flow = f'\nasync def flow(x):\n    "use workflow"\n    {where}\n'
    effects = effects_of(tmp_path, {"flows": dedent(head + text + flow)})
    assert codes(effects) == [("WFC717", ERROR)]
    assert "`openai.AsyncOpenAI`" in effects.diagnostics[0].sentence


def test_facts_of_agents() -> None:
    """Only what a module-level statement makes is an agent, and only if the names are certain."""
    text = BOTS + "other = Unknown()\nLIST = [Agent()]\nfor x in y:\n    inner = Agent()\n"
    source = read_source(ModuleName("bots"), "bots.py", "/bots.py", text.encode())
    facts = gather_tree(source).facts.agents
    assert [(one.variable, one.durable) for one in facts] == [
        ("bot", True), ("durable", True), ("bare", False), ("dotted", False), ("opened", None),
        ("computed", None), ("partly", None),
    ]  # fmt: skip
    assert all(isinstance(one, AgentFact) and one.tool_spans == () for one in facts)
