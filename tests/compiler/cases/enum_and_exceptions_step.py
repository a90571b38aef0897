import enum


class Color(enum.Enum):
    RED = 1


class Declined(Exception):
    def __init__(self, reason):
        super().__init__(reason)


async def charge(color: Color = Color.RED):
    
    raise Declined(color)


async def main(color: Color = Color.RED):
    __wfc__.refuse("main")
    



__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
