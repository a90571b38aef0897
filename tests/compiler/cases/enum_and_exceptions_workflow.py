import enum


class Color(enum.Enum):
    RED = 1


class Declined(Exception):
    def __init__(self, reason):
        super().__init__(reason)


charge = __wfc__.step("charge")




async def main(color: Color = Color.RED):
    
    try:
        await charge()
    except Declined:
        return Color.RED
