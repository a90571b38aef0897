import enum


class Tier(enum.Enum):
    FREE = 1
    PAID = 2


LIMIT = 3


async def flow(tier=Tier.FREE, limit=LIMIT, *, name="x", pair=(1, LIMIT)):
    "use workflow"
    return tier, limit, name, pair
