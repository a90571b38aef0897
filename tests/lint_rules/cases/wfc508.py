"""Computations that every replay repeats."""


async def sums() -> int:
    "use workflow"
    total = 0
    for number in range(5_000_000):  # WFC508: 5, "5,000,000"
        total += number
    return total


async def steps_of_two() -> int:
    "use workflow"
    total = 0
    for number in range(0, 4_000_000, 2):  # WFC508: 5, "2,000,000"
        total += number
    return total


def helper() -> int:
    total = 0
    for _ in range(1_000_000):  # WFC508: 5, "1,000,000"
        total += 1
    return total


async def calls() -> int:
    "use workflow"
    return helper()


async def good_small() -> int:
    "use workflow"
    return sum(number for number in range(1000))


async def good_step() -> int:
    "use step"
    total = 0
    for number in range(5_000_000):
        total += number
    return total


async def good_named(count: int) -> int:
    "use workflow"
    total = 0
    for number in range(count):
        total += number
    return total
