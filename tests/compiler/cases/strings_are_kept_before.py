TEXT = """
"use step"
    async def x():
"""


async def main():
    "use workflow"
    return f"""{TEXT}
    "use step"
"""
