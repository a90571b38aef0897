"""The agents that are measured."""

from bench_models import MODEL

from wfc.agent import DurableAgent


async def add(left: int, right: int) -> int:
    """Add."""
    "use step"
    return left + right


bot = DurableAgent("bot", MODEL, tools=[add])


async def quiet(question: str) -> str:
    """Answer, and show it to nobody."""
    "use workflow"
    return (await bot.stream(question, stream_to=None)).output


async def seen(question: str) -> str:
    """Answer, and let readers see it."""
    "use workflow"
    return (await bot.stream(question)).output
