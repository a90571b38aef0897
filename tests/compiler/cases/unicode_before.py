ä = "äöü"; β = "😀"; unreached = "€uro"; γ = 1


async def größe(ä_: str) -> str:
    "use step"
    return "ß" + ä_


async def main():
    "use workflow"; x = await größe("😀"); return x, β, γ
