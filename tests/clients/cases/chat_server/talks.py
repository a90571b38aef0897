"""The chat that real clients talk to."""

from actors import MODEL

from wfc.agent import Chat, DurableAgent


async def look(what: str) -> str:
    """Look at something."""
    "use step"
    return f"{what} is fine"


async def book(what: str) -> str:
    """Book something, once a person agrees."""
    "use step"
    return f"{what} is booked"


bot = DurableAgent("bot", MODEL, tools=[look, book], approval={"book": True})


async def talk(chat: Chat) -> None:
    "use workflow"
    async for turn in chat.turns(idle="1 day"):
        await bot.stream(turn)
