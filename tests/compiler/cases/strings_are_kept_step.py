TEXT = """
"use step"
    async def x():
"""


async def main():
    __wfc__.refuse("main")
    


__wfc__.register("workflow", "main", main)
