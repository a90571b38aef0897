"""Each public function here is a step."""

"use step"

from semantic_flows import journal


def _helper(number: int) -> int:
    return number * 3


async def triple(number: int) -> int:
    journal.note()
    return _helper(number)


def thrice(number: int) -> int:
    journal.note()
    return _helper(number)
