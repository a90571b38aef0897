"""Each public function here is a workflow."""

"use workflow"

from semantic_flows.module_steps import thrice, triple


def _sum(*numbers: int) -> int:
    return sum(numbers)


async def by_module(number: int) -> int:
    return _sum(await triple(number), await thrice(number))
