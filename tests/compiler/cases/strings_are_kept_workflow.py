TEXT = """
"use step"
    async def x():
"""


async def main():
    
    return f"""{TEXT}
    "use step"
"""
