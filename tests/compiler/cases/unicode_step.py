ä = "äöü"; β = "😀"; unreached = "€uro"; γ = 1


async def größe(ä_: str) -> str:
    
    return "ß" + ä_


async def main():
    __wfc__.refuse("main"); 
__wfc__.register("step", "größe", größe)
__wfc__.register("workflow", "main", main)
