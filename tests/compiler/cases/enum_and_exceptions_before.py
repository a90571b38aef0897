import enum


class Color(enum.Enum):
    RED = 1


class Declined(Exception):
    def __init__(self, reason):
        super().__init__(reason)


async def charge(color: Color = Color.RED):
    "use step"
    raise Declined(color)


async def main(color: Color = Color.RED):
    "use workflow"
    try:
        await charge()
    except Declined:
        return Color.RED
