from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


async def main(x: "str"):
    __wfc__.refuse("main")
    


def helper(x: "Path") -> "Path":
    return x
__wfc__.register("workflow", "main", main)
