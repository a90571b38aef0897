"""Loops that never wait."""

import asyncio


async def spins(number: int) -> None:
    "use workflow"
    while True:  # WFC505: 5, "neither waits nor ends"
        number += 1


async def looks(numbers: list[int]) -> None:
    "use workflow"
    while 1:  # WFC505: 5, "neither waits nor ends"
        if numbers:
            print(numbers)


def helper(number: int) -> None:
    while True:  # WFC505: 5, "neither waits nor ends"
        print(number)


async def calls() -> None:
    "use workflow"
    helper(3)


async def good_break(number: int) -> None:
    "use workflow"
    while True:
        number += 1
        if number > 3:
            break


async def good_wait(number: int) -> None:
    "use workflow"
    while True:
        await asyncio.sleep(3600)
        if number:
            return


def good_generator() -> object:
    number = 0
    while True:
        yield number
        number += 1
