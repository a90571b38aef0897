def numbers(count):
    for number in range(count):
        yield number
    yield from range(3)


def squares(count):
    return (number * number for number in numbers(count))


act = __wfc__.step("act")




async def flow(count):
    
    return [await act(square) for square in squares(count)]
