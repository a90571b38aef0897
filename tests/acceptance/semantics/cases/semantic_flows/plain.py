"""Sequences, loops, functions, generators, comprehensions, steps as values."""
import asyncio
import functools
import operator
from collections.abc import AsyncIterator, Iterator

from semantic_flows.bodies import add, both_sides, double, echo, keyword_only, variadic


async def nothing() -> None:
    "use workflow"


async def one_step(number: int) -> int:
    "use workflow"
    return await add(number)


async def sequence(number: int) -> int:
    "use workflow"
    first = await add(number, 1)
    second = await add(first, 10)
    return await add(second, 100)


async def loop(count: int) -> int:
    "use workflow"
    total = 0
    for each in range(count):
        total = await add(total, each)
    return total


async def while_loop(limit: int) -> int:
    "use workflow"
    number = 1
    while number < limit:
        number = await add(number, number)
    else:
        number = await add(number, 0)
    return number


async def branches(number: int) -> str:
    "use workflow"
    if (found := await add(number)) > 5:
        return "big"
    match found:
        case 3:
            return "three"
        case _:
            return "small"


async def sync_awaited(number: int) -> int:
    "use workflow"
    return await double(number)


async def sync_in_thread(number: int) -> int:
    "use workflow"
    return await asyncio.to_thread(double, number)


async def sync_both(number: int) -> int:
    "use workflow"
    return sum(await asyncio.gather(double(number), asyncio.to_thread(double, number)))


def _plus(number: int) -> int:
    return number + 1


async def helper_that_awaits(number: int) -> int:
    return await add(_plus(number))


async def nested_functions(number: int) -> int:
    "use workflow"

    async def inner(value: int) -> int:
        async def innermost() -> int:
            return await add(value, number)

        return await innermost()

    return await inner(await helper_that_awaits(number))


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


async def stepped(count: int) -> AsyncIterator[int]:
    for each in numbers(count):
        yield await add(each)


async def generators(count: int) -> list[int]:
    "use workflow"
    return [each async for each in stepped(count) if each % 2]


async def unfinished_generator(count: int) -> int:
    "use workflow"
    async for each in stepped(count):
        if each == 2:
            break
    return each


async def comprehensions(count: int) -> list:
    "use workflow"
    squares = [await add(each, each) for each in range(count)]
    pairs = {each: await add(each) for each in range(2)}
    kept = {await add(each, 0) for each in (1, 1)}
    return [squares, pairs, sorted(kept)]


async def mapped(count: int) -> list[int]:
    "use workflow"
    return await asyncio.gather(*map(add, range(count)))


async def partially(number: int) -> int:
    "use workflow"
    add_ten = functools.partial(add, right=10)
    return await add_ten(await add_ten(number))


async def by_lambda(number: int) -> int:
    "use workflow"
    again = lambda value: add(value, 5)
    return await again(await again(number))


async def _apply(step, *arguments):
    return await step(*arguments)


async def as_values(number: int) -> list[int]:
    "use workflow"
    steps = {"add": add, "double": double}
    return [await _apply(steps[name], number) for name in ("add", "double", "add")]


async def chosen(number: int) -> int:
    "use workflow"
    step = add if number > 3 else double
    return await step(number)


async def step_as_argument(number: int) -> int:
    "use workflow"
    given = await echo(add)
    return await given(number)


async def defaults(number: int) -> list[int]:
    "use workflow"
    return [await add(number), await add(number, 1), await add(right=3, left=number)]


async def keywords(number: int) -> list[int]:
    "use workflow"
    return [await keyword_only(number, third=3), await keyword_only(first=1, second=1, third=1)]


async def variadics(number: int) -> list[int]:
    "use workflow"
    return [
        await variadic(number),
        await variadic(number, 1, 2),
        await variadic(number, 1, extra=1, more=2),
        await variadic(*[1, 2, 3], **{"x": 1}),
    ]


async def positional_only(number: int) -> list[int]:
    "use workflow"
    return [await both_sides(number), await both_sides(number, right=1)]


async def wrong_call(number: int) -> str:
    "use workflow"
    try:
        await add(number, wrong=1)
    except TypeError as error:
        return "TypeError" if "wrong" in str(error) else str(error)
    return "none"


async def takes_defaults(first: int, second: int = 2, *more: int, last: int = 4) -> list:
    "use workflow"
    return [first, second, list(more), await add(last, 0)]


async def inline(number: int) -> int:
    "use workflow"
    return await sequence(number) + await one_step(number)


async def recursive(depth: int) -> int:
    "use workflow"
    return 0 if depth == 0 else await add(await recursive(depth - 1))


async def chained(number: int) -> str:
    "use workflow"
    return f"{await add(await add(number))}-{(await echo([number]))[0]}"


async def reduced(count: int) -> int:
    "use workflow"
    return functools.reduce(operator.add, [await add(each) for each in range(count)], 0)
