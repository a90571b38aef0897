"""What edits of an agent mean for runs that used it: pairs of programs."""

from __future__ import annotations

from typing import Final

import pytest

from tests.manifests.versions import compared, only, version_of
from wfc.manifests.compare import Comparison
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Agent, Manifest

BOT: Final = '''
from pydantic import BaseModel
from pydantic_ai import Agent, RunContext, Tool
from pydantic_ai.mcp import MCPToolset
from wfc.agent import DurableAgent

DOCS = MCPToolset("https://docs.example", id="docs")


class Trip(BaseModel):
    city: str


async def search(place: str, nights: int = 1) -> list[str]:
    """Search."""
    "use step"
    return [place]


async def book(ctx: RunContext[dict], hotel: str) -> str:
    """Book."""
    "use step"
    return hotel


def shout(text: str) -> str:
    return text.upper()


bot = DurableAgent(
    "bot",
    "openai:gpt-5",
    instructions="Be kind.",
    tools=[search, Tool(book, requires_approval=True), shout],
    toolsets=[DOCS],
    output_type=Trip,
)


@bot.tool_plain(name="pay")
async def charge(cents: int) -> str:
    """Pay."""
    "use step"
    return "paid"


async def flow(place: str) -> Trip:
    "use workflow"
    return (await bot.stream(place)).output
'''
EDITS: Final = {
    "docstring of a tool": ('"""Book."""', '"""Book a room."""', Level.IDENTICAL, ""),
    "body of a tool": ('return "paid"', 'return open("x").read()', Level.IDENTICAL, ""),
    "words": ("Be kind.", "Be short.", Level.REPLAY, "has other instructions or settings"),
    "model": ("gpt-5", "gpt-6", Level.REPLAY, "has another model: openai:gpt-5 -> openai:gpt-6"),
    "new tool": ("shout]", "shout, max]", Level.REPLAY, "has the new tool `max`"),
    "new decorated tool": (
        "\n\nasync def flow",
        '\n\n@bot.tool_plain\nasync def more() -> str:\n    "use step"\n\n\nasync def flow',
        Level.REPLAY,
        "has the new tool `more`",
    ),
    "parameter of a tool": (
        "cents: int",
        "cents: int, to: str = ''",
        Level.REPLAY,
        "has other parameters for its tool `pay`",
    ),
    "type in a tool with a context": ("hotel: str", "hotel: int", Level.REPLAY, "tool `book`"),
    "plain tool": ("text: str", "text: bytes", Level.REPLAY, "its tool `shout`"),
    "approval gone": (
        ", requires_approval=True",
        "",
        Level.REPLAY,
        "changed who approves: its tool `book` needs nobody's approval any more",
    ),
    "approval new": (
        'name="pay"',
        'name="pay", requires_approval=True',
        Level.REPLAY,
        "changed who approves: its tool `pay` needs an approval now",
    ),
    "approval by a rule": (
        "requires_approval=True",
        "requires_approval=bool(DOCS)",
        Level.REPLAY,
        "its tool `book` is approved by other rules now",
    ),
    "output": ("output_type=Trip", "output_type=[Trip, str]", Level.REPLAY, "has another output"),
    "new toolset": (
        "toolsets=[DOCS]",
        'toolsets=[DOCS, MCPToolset("x", id="web")]',
        Level.REPLAY,
        "has the new toolset `web`",
    ),
    "name": ('"bot",', '"butler",', Level.IF_RECORDED, 'was called "bot" and is called "butler"'),
    "computed name": (
        '"bot",',
        "str(DOCS),",
        Level.IF_RECORDED,
        'was called "bot" and is called by what no build can tell',
    ),
    "tool gone": ("book, requires_approval=True), shout]", "book)]", Level.IF_RECORDED, "lost the"),
    "tool renamed": ('name="pay"', 'name="buy"', Level.IF_RECORDED, "lost the tool `pay`"),
    "toolset renamed": ('id="docs"', 'id="manual"', Level.IF_RECORDED, "lost the toolset `docs`"),
    "no context any more": ("ctx: RunContext[dict], ", "", Level.IF_RECORDED, "lost the operation"),
    "agent gone": ("await bot.stream(place)", "place", Level.IF_RECORDED, "is gone or renamed"),
}


@pytest.fixture(scope="module")
def edits() -> Comparison:
    """Each edit in a module of its own, so that two builds do for all."""
    assert all(BOT.count(before) == 1 for before, *_ in EDITS.values())
    files = [f"edit{number}.py" for number in range(len(EDITS))]
    return compared(
        dict.fromkeys(files, BOT),
        {
            file: BOT.replace(before, after)
            for file, (before, after, *_) in zip(files, EDITS.values(), strict=True)
        },
    )


@pytest.mark.parametrize("name", EDITS)
def test_an_edit(name: str, edits: Comparison) -> None:
    """Its level, and the sentence that says why."""
    _, _, level, says = EDITS[name]
    found = edits.workflows[f"edit{list(EDITS).index(name)}:flow"]
    told = [(one.level, one.reason.sentence) for one in found.findings]
    assert found.level is level, told
    about = [one for one in found.findings if one.reason.code == "WFC613"]
    assert bool(about) is bool(says), told
    if says:
        first = next(one for one in about if says in one.reason.sentence)
        assert first.level is level
        assert first.reason.old_span is not None
        assert level < Level.IF_RECORDED or first.fix or "operation" in says


@pytest.mark.parametrize(
    ("before", "after"),
    [("bot =", "helper ="), ("\nasync def search", "# moved\nasync def search")],
)
def test_another_variable_of_the_same_agent_strands_nobody(before: str, after: str) -> None:
    """Logs hold the agent's name, not the variable's."""
    renamed = BOT.replace(before, after)
    if "helper" in after:
        renamed = renamed.replace("bot.", "helper.")
    found = only(compared(BOT, renamed))
    assert found.level <= Level.REPLAY
    assert [one.reason.sentence for one in found.findings if one.reason.code == "WFC613"] == []


def _agent(text: str) -> Agent:
    manifest = Manifest.parse(version_of(text).manifest)
    assert Manifest.parse(manifest.text()) == manifest
    (agent,) = manifest.agents.values()
    return agent


def test_what_a_manifest_says() -> None:
    """All that can be known is said, and nothing is unknown here."""
    agent = _agent(BOT)
    assert agent.name == "bot"
    assert agent.models == ("openai:gpt-5",)
    assert agent.toolsets == ("docs",)
    assert set(agent.tools) == {"search", "book", "shout", "pay"}
    assert agent.approvals == {"book": "always"}
    assert agent.output == "shop.Trip"
    assert agent.unknown == ()
    assert agent.operations == (
        "bot__function_toolset__<agent>.call_tool.book",
        "bot__mcp_server__docs.call_tool",
        "bot__mcp_server__docs.get_instructions",
        "bot__mcp_server__docs.get_tools",
        "bot__model.request",
        "bot__model.request_stream",
    )


UNKNOWN: Final = (
    ("NAME", ("name",)),
    ('"bot", **OPTIONS', ("models", "output", "tools", "toolsets")),
    ('"bot", pick()', ()),
    ('"bot", OPTIONS["model"]', ("models",)),
    ('"bot", tools=OPTIONS', ("tools",)),
    ('"bot", tools=[*OPTIONS]', ("tools",)),
    ('"bot", tools=[lambda: 1]', ("tools",)),
    ('"bot", tools=[Tool(pick, name=NAME)]', ("tools",)),
    ('"bot", tools=[len]', ("tools.len",)),
    ('"bot", toolsets=OPTIONS', ("toolsets",)),
    ('"bot", toolsets=[pick()]', ("toolsets",)),
    ('"bot", approval=OPTIONS', ()),
    ('"bot", approval=pick()', ("approvals",)),
    ('"bot", approval={NAME: True}', ("approvals",)),
    ('"bot", approval=None', ()),
    ('"bot", durability=Durability(models=pick())', ("models",)),
    ('"bot", durability=Durability(models={NAME: "a:b"})', ("models",)),
)


def test_what_is_computed_is_said_to_be_unknown() -> None:
    """Never a guess."""
    text = """
from pydantic_ai import Tool
from wfc.agent import DurableAgent, Durability
OPTIONS = {}
NAME = str(1)
def pick(): return 1
async def flow(x: str) -> list:
    "use workflow"
    return [BOTS]
"""
    bots = [f"bot{number}" for number in range(len(UNKNOWN))]
    text = text.replace("BOTS", ", ".join(bots))
    for bot, (given, _) in zip(bots, UNKNOWN, strict=True):
        text += f"{bot} = DurableAgent({given})\n"
    agents = Manifest.parse(version_of(text).manifest).agents
    said = {
        given: agents[f"shop:{bot}"].unknown for bot, (given, _) in zip(bots, UNKNOWN, strict=True)
    }
    assert said == dict(UNKNOWN)


def test_models_approvals_and_names_by_other_ways() -> None:
    """A model object, models to choose from, rules of approval, the agent of pydantic-ai itself."""
    agent = _agent("""
        from pydantic_ai import Agent, Tool
        from pydantic_ai.models.openai import OpenAIChatModel
        from wfc.agent import Durability
        SMALL = OpenAIChatModel("gpt-5-mini")
        RULES = {"book": True, "look": False, "pay": [len, bool]}
        DURABLE = Durability(models={"small": SMALL, "any": bool()}, approval=RULES)
        def book(x: int) -> int: return x
        bot = Agent(SMALL, name="bot", tools=(Tool(function=book),), capabilities=[DURABLE],
                    output_type=Tool(book))
        async def flow(x: str) -> str:
            "use workflow"
            return (await bot.run(x)).output
        """)
    small = "pydantic_ai.models.openai.OpenAIChatModel('gpt-5-mini')"
    assert agent.models == (small, small, "builtins.bool")
    assert agent.approvals["book"] == "always"
    assert set(agent.approvals) == {"book", "pay"}
    assert set(agent.tools) == {"book"}
    assert (agent.output or "").startswith("pydantic_ai.Tool:")
    assert "bot__model.request.small" in agent.operations
    assert agent.unknown == ()


def test_operations_are_named_as_pydantic_ai_names_them() -> None:
    """These names stand in logs; a build only foretells them."""
    from pydantic_ai.durable_exec import (  # noqa: PLC0415 - slow, and no other test here needs it
        JournalOperationNamer,
        ModelRequestId,
        ToolsetCallToolId,
        ToolsetGetInstructionsId,
        ToolsetGetToolsId,
    )

    namer = JournalOperationNamer("bot")
    called = ToolsetCallToolId(toolset_kind="function", toolset_id="<agent>")
    names = {
        namer.operation_name(ModelRequestId(model_id=None, model_name="m", streaming=False)),
        namer.operation_name(ModelRequestId(model_id=None, model_name="m", streaming=True)),
        namer.operation_name(ToolsetGetToolsId(toolset_kind="mcp", toolset_id="docs")),
        namer.operation_name(ToolsetGetInstructionsId(toolset_id="docs")),
        namer.operation_name(ToolsetCallToolId(toolset_kind="mcp", toolset_id="docs")),
        str(namer.invocation_name(called, label="book").operation_name).replace(":", "."),
    }
    assert names == set(_agent(BOT).operations)
