"""Agents in compiled modules: where they stand, what their tools look like, what they mean."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic_ai import Agent, Tool
from pydantic_ai.toolsets import FunctionToolset

from tests.compiler.trees import write
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.store import Version
from wfc.runtime.sandbox import load_template
from wfc.runtime.template import Template

TOOLS = '''
from dataclasses import dataclass
from typing import Annotated, Literal, Optional

from pydantic import BaseModel, Field
from pydantic_ai import Agent, RunContext, Tool

MADE = []


class Room(BaseModel):
    """A room."""

    beds: int = Field(ge=1)
    view: Literal["sea", "street"] = "sea"


@dataclass
class Guest:
    name: str
    age: int | None = None


async def plain(place: str, nights: int = 2, *, quiet: bool = False) -> list[str]:
    """Search for hotels.

    Args:
        place: Where to stay.
        nights: How long,
            in whole nights.
    """
    "use step"
    return [place]


def with_context(ctx: RunContext[Guest], room: Room, guests: list[Guest]) -> str:
    "use step"
    """Book a room.

    Args:
        room: Which one.
        guests: For whom.
    """
    return str(room)


async def rich(
    cents: Annotated[int, Field(gt=0, description="What it costs.")],
    currency: Literal["eur", "usd"] = "eur",
    note: Optional[str] = None,
    tags: dict[str, "Room"] = {},
    ratio: float = -1.5,
) -> Room:
    """Pay."""
    "use step"
    return Room(beds=1)


async def bare(x, y=()):
    "use step"
    return x


bot = Agent("openai:gpt-5", name="bot", tools=[plain, with_context], defer_model_check=True)
MADE.append(bot)


@bot.tool_plain(name="pay", description="Pay at once.", requires_approval=True)
async def decorated(cents: int, currency: str = "eur") -> str:
    """Pay.

    Args:
        cents: How much.
    """
    "use step"
    return currency


@bot.tool(retries=3)
async def asked(ctx: RunContext[Guest], text: str) -> str:
    """Ask."""
    "use step"
    return text


async def flow(x: str) -> str:
    "use workflow"
    names = [one.__name__ for one in (plain, with_context, rich, bare)]
    return f"{bot.name} {len(MADE)} {names}"
'''
NAMES = ("plain", "with_context", "rich", "bare", "decorated", "asked")


def version_of(root: Path, text: str) -> Version:
    """Build a module of a package `app`."""
    tree = write(root, {"app/__init__.py": "", "app/bots.py": dedent(text)})
    result = build(Project.discover(tree), out=None)
    assert result.version is not None, result.diagnostics
    return result.version


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return version_of(tmp_path_factory.mktemp("bots"), TOOLS)


@pytest.fixture(scope="module")
def template(version: Version) -> Template:
    return load_template(version, DefinitionId("app.bots:flow"))


@pytest.fixture(scope="module")
def source(version: Version) -> Iterator[types.ModuleType]:
    """The module as an import gives it: the functions are those that were written."""
    module = types.ModuleType("app_bots_as_imported")
    sys.modules[module.__name__] = module
    space = module.__dict__
    space["__wfc__"] = types.SimpleNamespace(register=print, refuse=print)
    text = version.step[ModuleName("app.bots")].text
    exec(compile(text, "bots.py", "exec", dont_inherit=True), space)  # noqa: S102
    yield module
    del sys.modules[module.__name__]


def _space(template: Template) -> dict[str, Any]:
    workflow: Any = template.instantiate().workflow
    space: dict[str, Any] = workflow.__globals__
    return space


def _tools(agent: Agent[Any, Any]) -> dict[str, Tool[Any]]:
    (own,) = (one for one in agent.toolsets if isinstance(one, FunctionToolset) and one.tools)
    return own.tools


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_has_the_schema_of_the_function(
    name: str, template: Template, source: types.ModuleType
) -> None:
    """Name, wording and JSON schema are what pydantic-ai reads from the function as written."""
    made, written = (Tool(space[name]) for space in (_space(template), vars(source)))
    assert made.name == written.name == name
    assert made.tool_def == written.tool_def
    assert made.takes_ctx is written.takes_ctx


def test_a_decorated_step_is_a_tool_of_the_agent(
    template: Template, source: types.ModuleType
) -> None:
    """The decorator says what it says in plain Python: name, wording, approval, retries."""
    made, written = (_tools(space["bot"]) for space in (_space(template), vars(source)))
    assert set(made) == set(written) == {"plain", "with_context", "pay", "asked"}
    for name, tool in made.items():
        assert tool.tool_def == written[name].tool_def
        assert tool.max_retries == written[name].max_retries
    assert made["pay"].function_schema.function is _space(template)["decorated"]


def test_an_agent_is_made_once_per_version(template: Template) -> None:
    """Runs share it: building one takes milliseconds."""
    one, two = _space(template), _space(template)
    assert one["bot"] is two["bot"]
    assert len(one["MADE"]) == 1


# --- what it means -------------------------------------------------------------------------------

MEANS = """
from pydantic_ai import Agent, RunContext
from wfc.agent import Durability, DurableAgent

bot = DurableAgent("bot", "openai:gpt-5", instructions="Be kind.")
other = Agent(name="other", capabilities=[Durability()])


@bot.tool_plain
async def pay(cents: int) -> str:
    '''Pay.'''
    "use step"
    return open("ledger").read()


async def flow(x: str) -> str:
    "use workflow"
    return (await bot.stream(x)).output
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('open("ledger").read()', "str(cents)"),
        ("'''Pay.'''", "'''Pay at once.'''"),
        ('name="other"', 'name="another"'),
        ("\n\n@bot.tool_plain", "\n# of the bot\n@bot.tool_plain"),
    ],
    ids=["body of a tool", "docstring of a tool", "another agent", "comment"],
)
def test_what_changes_no_meaning(before: str, after: str, tmp_path: Path) -> None:
    """Runs stay where they are: the fingerprint is the same."""
    assert before in MEANS
    prints = _prints(tmp_path, MEANS, MEANS.replace(before, after))
    assert prints[0] == prints[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Be kind.", "Be short."),
        ("openai:gpt-5", "openai:gpt-6"),
        ("cents: int", "cents: float"),
        ("cents: int", "cents: int, currency: str"),
        ("@bot.tool_plain\n", "@bot.tool_plain(requires_approval=True)\n"),
        ("@bot.tool_plain\n", ""),
        ("await bot.", "await other."),
        ('DurableAgent("bot"', 'DurableAgent("butler"'),
    ],
    ids=["wording", "model", "type", "parameter", "approval", "no tool", "agent", "name"],
)
def test_what_changes_the_meaning(before: str, after: str, tmp_path: Path) -> None:
    """A run moves to other words and tools only by a verdict."""
    assert before in MEANS
    prints = _prints(tmp_path, MEANS, MEANS.replace(before, after))
    assert prints[0] != prints[1]


def _prints(root: Path, *texts: str) -> list[str]:
    versions = [version_of(root / str(number), text) for number, text in enumerate(texts)]
    return [version.fingerprints[DefinitionId("app.bots:flow")] for version in versions]
