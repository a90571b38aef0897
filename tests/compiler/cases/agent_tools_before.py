"""An agent whose tools are steps, plain functions and what decorators make of both."""
from pydantic_ai import Agent, RunContext

from wfc import policy
from wfc.agent import Durability, DurableAgent

import httpx

client = httpx.AsyncClient()


async def search(place: str, nights: int = 2) -> list[str]:
    """Search for hotels."""
    "use step"
    return (await client.get(place)).json()


def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


bot = DurableAgent("bot", "openai:gpt-5", tools=[search, shout], instructions="Be kind.")
helper: Agent[int, str] = Agent("openai:gpt-5", name="helper", capabilities=[Durability()])
idle = Agent("openai:gpt-5", name="idle")


def is_dear(ctx: RunContext[int], tool):
    return tool if ctx.deps > 100 else None


@policy(attempts=5)
@bot.tool
async def book(ctx: RunContext[int], hotel: str) -> str:
    """Book a room."""
    "use step"
    return str(await client.post(hotel))


@helper.tool_plain(
    requires_approval=True,
    retries=2,
)
@bot.tool_plain
async def pay(cents: int) -> str:
    """Pay."""
    "use step"
    return str(await client.post(str(cents)))


@helper.tool(prepare=is_dear)
def refund(ctx: RunContext[int], cents: int) -> str:
    """Give it back."""
    "use step"
    return str(cents)


@bot.tool_plain
def count(text: str) -> int:
    """Count letters."""
    return len(text)


@idle.tool_plain
async def unreached(text: str) -> str:
    "use step"
    return text


async def trip(place: str) -> str:
    "use workflow"
    found = await bot.stream(place)
    return (await helper.run(found.output)).output
