"""Steps, of which some are used by nobody."""


async def used(number: int) -> int:
    "use step"
    return number


async def left_over(number: int) -> int:  # WFC136: 1, "left_over"
    "use step"
    return number


async def also_left(number: int) -> int:  # WFC136: 1, "also_left"
    "use step"
    return number


def third(number: int) -> int:  # WFC136: 1, "third"
    "use step"
    return number


async def good_elsewhere(number: int) -> int:
    "use step"
    return number


def good_value(number: int) -> int:
    "use step"
    return number
