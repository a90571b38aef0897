def numbers(count):
    for number in range(count):
        yield number
    yield from range(3)


def squares(count):
    return (number * number for number in numbers(count))


async def act(x):
    "use step"
    return x


async def flow(count):
    "use workflow"
    return [await act(square) for square in squares(count)]
