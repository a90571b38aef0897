from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


async def main(x: "str"):
    "use workflow"
    return helper(x)


def helper(x: "Path") -> "Path":
    return x
