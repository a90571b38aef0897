
from pydantic_ai import Agent, RunContext


from wfc.agent import Durability, DurableAgent






search = __wfc__.step("search")





def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


bot = DurableAgent("bot", "openai:gpt-5", tools=[search, shout], instructions="Be kind.")
helper: Agent[int, str] = Agent("openai:gpt-5", name="helper", capabilities=[Durability()])



def is_dear(ctx: RunContext[int], tool):
    return tool if ctx.deps > 100 else None


book = bot.tool(__wfc__.step("book"))







pay = helper.tool_plain(
    requires_approval=True,
    retries=2,
)(bot.tool_plain(__wfc__.step("pay")))







refund = helper.tool(prepare=is_dear)(__wfc__.step("refund"))






@bot.tool_plain
def count(text: str) -> int:
    """Count letters."""
    return len(text)








async def trip(place: str) -> str:
    
    found = await bot.stream(place)
    return (await helper.run(found.output)).output
